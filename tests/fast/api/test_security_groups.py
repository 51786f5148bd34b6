# SPDX-License-Identifier: Apache-2.0
"""/compute/v2.1/os-security-groups, their rules, and the groups of servers.

Codes and fields are the Compute API reference's; words of refusals are Nova's.
"""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from agent.model.securitygroup import default_id
from tests.fast.api.conftest import ApiClient, create, make_server
from tests.fast.smallcloud import SmallCloud

COMPUTE, NETWORK = "/compute/v2.1", "/network/v2.0"
GROUPS, RULES = f"{COMPUTE}/os-security-groups", f"{COMPUTE}/os-security-group-rules"
MISSING = "b9a3c1f2-0000-4000-8000-000000000001"


def make(client: ApiClient, name: str = "web", description: str = "") -> dict[str, Any]:
    answer = client.post(GROUPS, {"security_group": {"name": name, "description": description}})
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json()["security_group"])


def ask_rule(client: ApiClient, group: str, **fields: Any) -> TestResponse:
    return client.post(RULES, {"security_group_rule": {"parent_group_id": group, **fields}})


def add_rule(client: ApiClient, group: str, **fields: Any) -> dict[str, Any]:
    answer = ask_rule(client, group, **fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json()["security_group_rule"])


def said(answer: TestResponse) -> tuple[int, str]:
    (fault,) = answer.get_json().values()
    return answer.status_code, str(fault["message"])


def names_of(client: ApiClient, server: str) -> list[str]:
    return [group["name"] for group in client.show(server).get("security_groups", [])]


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    return server_id


def test_the_default_group_is_there_and_lets_everything_pass(client: ApiClient, lab: str) -> None:
    (group,) = client.get(GROUPS).get_json()["security_groups"]
    rules = group.pop("rules")

    assert group == {
        "id": default_id(lab),
        "name": "default",
        "description": "Default security group",
        "tenant_id": lab,
    }
    for rule in rules:
        rule.pop("id")
    every: dict[str, Any] = {
        "parent_group_id": default_id(lab),
        "ip_protocol": None,
        "from_port": None,
        "to_port": None,
        "group": {},
    }
    assert rules == [
        {**every, "ip_range": {"cidr": "0.0.0.0/0"}},
        {**every, "ip_range": {"cidr": "::/0"}},
    ]


def test_the_default_group_stays_but_its_rules_need_not(client: ApiClient, lab: str) -> None:
    path = f"{GROUPS}/{default_id(lab)}"
    renamed = client.request(
        "PUT", path, json={"security_group": {"name": "x", "description": "y"}}
    )
    described = client.request(
        "PUT", path, json={"security_group": {"name": "default", "description": "ours"}}
    )

    assert client.delete(path).status_code == 400
    assert renamed.status_code == 400
    assert described.get_json()["security_group"]["description"] == "ours"
    assert said(
        client.post(GROUPS, {"security_group": {"name": "Default", "description": ""}})
    ) == (400, "Default security group already exists.")
    for rule in client.get(path).get_json()["security_group"]["rules"]:
        assert client.delete(f"{RULES}/{rule['id']}").status_code == 202
    assert client.get(path).get_json()["security_group"]["rules"] == []


def test_a_group_is_made_shown_changed_and_deleted(client: ApiClient, lab: str) -> None:
    group = make(client, " web ", "for browsers")
    path = f"{GROUPS}/{group['id']}"

    assert group == {
        "id": group["id"],
        "name": " web ",
        "description": "for browsers",
        "tenant_id": lab,
        "rules": [],
    }
    assert client.get(path).get_json() == {"security_group": group}
    changed = client.request(
        "PUT", path, json={"security_group": {"name": "www", "description": "x"}}
    )
    assert changed.get_json() == {"security_group": {**group, "name": "www", "description": "x"}}
    listed = client.get(GROUPS).get_json()["security_groups"]
    assert [each["name"] for each in listed] == ["default", "www"]
    assert [g["name"] for g in client.get(f"{GROUPS}?limit=1").get_json()["security_groups"]] == [
        "default"
    ]
    assert [g["name"] for g in client.get(f"{GROUPS}?offset=1").get_json()["security_groups"]] == [
        "www"
    ]
    deleted = client.delete(path)
    assert (deleted.status_code, deleted.data) == (202, b"")
    assert client.get(path).status_code == 404
    assert client.delete(f"{GROUPS}/").status_code == 404
    later = {"X-OpenStack-Nova-API-Version": "2.36"}
    assert client.get(GROUPS, headers=later).status_code == 404
    assert client.post(RULES, {}, headers=later).status_code == 404


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (
            {"ip_protocol": "tcp", "from_port": 22, "to_port": 22},
            ("tcp", 22, 22, "0.0.0.0/0"),
        ),
        (
            {"ip_protocol": "TCP", "from_port": "80", "to_port": "90", "cidr": "10.2.3.124/24"},
            ("tcp", 80, 90, "10.2.3.124/24"),
        ),
        (
            {"ip_protocol": "udp", "from_port": 1, "to_port": 65535, "cidr": "fd00::/8"},
            ("udp", 1, 65535, "fd00::/8"),
        ),
        (
            {"ip_protocol": "icmp", "from_port": -1, "to_port": -1},
            ("icmp", -1, -1, "0.0.0.0/0"),
        ),
        (
            {"ip_protocol": "icmp", "from_port": 8, "to_port": 0, "cidr": "10.0.0.0/8"},
            ("icmp", 8, 0, "10.0.0.0/8"),
        ),
    ],
)
def test_a_rule_is_answered_as_it_was_asked_for(
    client: ApiClient, asked: dict[str, Any], shown: tuple[Any, ...]
) -> None:
    group = make(client)
    rule = add_rule(client, group["id"], **asked)
    protocol, first, last, cidr = shown

    assert rule == {
        "id": rule["id"],
        "parent_group_id": group["id"],
        "ip_protocol": protocol,
        "from_port": first,
        "to_port": last,
        "ip_range": {"cidr": cidr},
        "group": {},
    }
    found = client.get(f"{GROUPS}/{group['id']}").get_json()["security_group"]["rules"]
    assert found == [rule]
    deleted = client.delete(f"{RULES}/{rule['id']}")
    assert (deleted.status_code, deleted.data) == (202, b"")
    assert client.delete(f"{RULES}/{rule['id']}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, (None, None, None)),
        ({"ip_protocol": "tcp"}, ("tcp", 1, 65535)),
        ({"ip_protocol": "icmp"}, ("icmp", -1, -1)),
        ({"ip_protocol": "udp", "from_port": 53, "to_port": 53}, ("udp", 53, 53)),
    ],
)
def test_a_rule_may_name_a_group_and_goes_with_it(
    client: ApiClient, lab: str, asked: dict[str, Any], shown: tuple[Any, ...]
) -> None:
    group, peer = make(client), make(client, "peers")
    rule = add_rule(client, group["id"], group_id=peer["id"], **asked)

    assert rule["group"] == {"name": "peers", "tenant_id": lab}
    assert rule["ip_range"] == {}
    assert (rule["ip_protocol"], rule["from_port"], rule["to_port"]) == shown
    assert client.delete(f"{GROUPS}/{peer['id']}").status_code == 202
    assert client.get(f"{GROUPS}/{group['id']}").get_json()["security_group"]["rules"] == []


def test_the_same_rule_is_not_added_twice(client: ApiClient) -> None:
    group = make(client)
    asked = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22}
    rule = add_rule(client, group["id"], **asked)
    same = f"Security group rule already exists. Rule id is {rule['id']}."

    assert said(ask_rule(client, group["id"], **asked)) == (400, same)
    assert said(ask_rule(client, group["id"], cidr="0.0.0.0/0", **asked)) == (400, same)
    assert ask_rule(client, group["id"], cidr="10.0.0.0/8", **asked).status_code == 200
    assert ask_rule(client, group["id"], cidr="10.9.0.0/8", **asked).status_code == 400


def test_a_new_server_is_in_the_groups_that_it_names(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    web, own = make(client), make(client, "own")
    answer = create(
        client, image_id, security_groups=[{"name": "web"}, {"name": own["id"]}, {"name": "web"}]
    )
    created = answer.get_json()["server"]
    cloud.work()

    assert created["security_groups"] == [{"name": "web"}, {"name": own["id"]}, {"name": "web"}]
    assert names_of(client, created["id"]) == ["own", "web"]
    listed = client.get(f"{COMPUTE}/servers/detail").get_json()["servers"]
    assert [server["security_groups"] for server in listed] == [[{"name": "own"}, {"name": "web"}]]
    found = client.get(f"{COMPUTE}/servers/{created['id']}/os-security-groups").get_json()
    assert [group["id"] for group in found["security_groups"]] == [own["id"], web["id"]]
    assert said(client.delete(f"{GROUPS}/{web['id']}")) == (
        400,
        f"Security Group {web['id']} in use.",
    )
    assert client.delete(f"{COMPUTE}/servers/{created['id']}").status_code == 204
    cloud.work()
    assert client.delete(f"{GROUPS}/{web['id']}").status_code == 202


def test_a_server_takes_no_group_that_is_not_there_or_not_clear(
    client: ApiClient, image_id: str
) -> None:
    make(client)
    make(client)

    unknown = create(client, image_id, security_groups=[{"name": "nowhere"}])
    twice = create(client, image_id, security_groups=[{"name": "web"}])

    assert (unknown.status_code, twice.status_code) == (400, 409)
    assert "Security group nowhere not found" in said(unknown)[1]
    assert client.get(f"{COMPUTE}/servers").get_json()["servers"] == []


def test_a_port_that_was_there_keeps_its_groups(
    cloud: SmallCloud, client: ApiClient, image_id: str, network_id: str
) -> None:
    web, own = make(client), make(client, "own")
    port = {"network_id": network_id, "security_groups": [own["id"]]}
    port_id = client.post(f"{NETWORK}/ports", {"port": port}).get_json()["port"]["id"]
    server_id = make_server(
        client,
        image_id,
        networks=[{"port": port_id}, {"uuid": network_id}],
        security_groups=[{"name": "web"}],
    )
    cloud.work()

    assert names_of(client, server_id) == ["own", "web"]
    ports = client.get(f"{NETWORK}/ports?device_id={server_id}").get_json()["ports"]
    groups = {each["id"]: each["security_groups"] for each in ports}
    assert groups.pop(port_id) == [own["id"]]
    assert list(groups.values()) == [[web["id"]]]


def test_groups_are_added_to_a_server_and_removed_from_it(client: ApiClient, active: str) -> None:
    group = make(client)

    assert names_of(client, active) == ["default"]
    added = client.act(active, {"addSecurityGroup": {"name": "web"}})
    assert (added.status_code, added.data) == (202, b"")
    assert client.act(active, {"addSecurityGroup": {"name": group["id"]}}).status_code == 202
    assert names_of(client, active) == ["default", "web"]
    removed = client.act(active, {"removeSecurityGroup": {"name": "default"}})
    assert (removed.status_code, removed.data) == (202, b"")
    assert names_of(client, active) == ["web"]
    again = client.act(active, {"removeSecurityGroup": {"name": "default"}})
    assert said(again) == (
        404,
        f"Security group default not associated with the instance {active}",
    )
    assert client.act(active, {"removeSecurityGroup": {"name": "web"}}).status_code == 202
    assert "security_groups" not in client.show(active)
    assert client.get(f"{COMPUTE}/servers/{active}/os-security-groups").get_json() == {
        "security_groups": []
    }
    assert client.act(active, {"addSecurityGroup": {"name": "default"}}).status_code == 202
    (port,) = client.get(f"{NETWORK}/ports?device_id={active}").get_json()["ports"]
    assert port["security_groups"] == [default_id(port["project_id"])]


@pytest.mark.parametrize("action", ["addSecurityGroup", "removeSecurityGroup"])
def test_an_action_names_one_group_that_is_there(
    client: ApiClient, active: str, action: str, lab: str
) -> None:
    make(client, "twin")
    make(client, "twin")

    answers = [client.act(active, {action: {"name": name}}) for name in ("nowhere", "twin", "")]

    assert [answer.status_code for answer in answers] == [404, 409, 400]
    assert said(answers[0])[1] == f"Security group nowhere not found for project {lab}."


def test_a_server_without_ports_is_in_no_group(client: ApiClient, image_id: str) -> None:
    answer = client.post(
        f"{COMPUTE}/servers",
        {"server": {"name": "x", "imageRef": image_id, "flavorRef": "1", "networks": "none"}},
        headers={"OpenStack-API-Version": "compute 2.37"},
    )
    server_id = answer.get_json()["server"]["id"]

    assert "security_groups" not in client.show(server_id)
    assert client.act(server_id, {"addSecurityGroup": {"name": "default"}}).status_code == 404


def test_groups_of_other_projects_are_not_there_but_for_administrators(
    client: ApiClient, other_client: ApiClient, admin_client: ApiClient, active: str
) -> None:
    group = make(client)
    others = make(other_client, "theirs")
    path = f"{GROUPS}/{others['id']}"
    everybodys = admin_client.get(f"{GROUPS}?all_tenants=1").get_json()["security_groups"]

    assert client.get(path).status_code == client.delete(path).status_code == 404
    rule = {"ip_protocol": "tcp", "from_port": 1, "to_port": 1}
    assert ask_rule(client, others["id"], **rule).status_code == 404
    assert ask_rule(client, group["id"], group_id=others["id"]).status_code == 404
    assert client.act(active, {"addSecurityGroup": {"name": others["id"]}}).status_code == 404
    assert admin_client.get(path).status_code == 200
    assert {group["id"], others["id"]} <= {each["id"] for each in everybodys}
    listed = client.get(f"{GROUPS}?all_tenants=1").get_json()["security_groups"]
    assert others["id"] not in {each["id"] for each in listed}
    own = admin_client.get(GROUPS).get_json()["security_groups"]
    assert [each["name"] for each in own] == ["default"]
    assert admin_client.act(active, {"addSecurityGroup": {"name": "web"}}).status_code == 202


def test_quotas_hold_and_limits_show_what_is_used(
    client: ApiClient, admin_client: ApiClient, lab: str
) -> None:
    quota = f"{COMPUTE}/os-quota-sets/{lab}"
    limits = {"quota_set": {"security_groups": 2, "security_group_rules": 8}}
    assert admin_client.request("PUT", quota, json=limits).status_code == 200
    group = make(client)
    absolute = client.get(f"{COMPUTE}/limits").get_json()["limits"]["absolute"]

    assert absolute["maxSecurityGroups"] == absolute["totalSecurityGroupsUsed"] == 2
    assert absolute["maxSecurityGroupRules"] == 8
    more = client.post(GROUPS, {"security_group": {"name": "x", "description": ""}})
    assert said(more)[0] == 403
    assert "security_group" in said(more)[1]
    ports = [
        ask_rule(client, group["id"], ip_protocol="tcp", from_port=n, to_port=n) for n in (1, 2, 3)
    ]
    assert [answer.status_code for answer in ports] == [200, 200, 403]
    details = client.get(f"{quota}/detail").get_json()["quota_set"]
    assert details["security_groups"] == {"limit": 2, "in_use": 2, "reserved": 0}
    assert details["security_group_rules"] == {"limit": 8, "in_use": 8, "reserved": 0}
    network = client.get(f"{NETWORK}/quotas/{lab}/details").get_json()["quota"]
    assert network["security_group"] == {"limit": 2, "used": 2, "reserved": 0}
    assert network["security_group_rule"] == {"limit": 8, "used": 8, "reserved": 0}
