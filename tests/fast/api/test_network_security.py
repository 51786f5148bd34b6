# SPDX-License-Identifier: Apache-2.0
"""/network/v2.0: security groups, and those of ports. Rules have a file of their own.

Codes and fields are the Networking API reference's; words of refusals are Neutron's.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from werkzeug.test import TestResponse

from agent.model.securitygroup import default_id
from tests.fast.api.conftest import ApiClient
from tests.fast.smallcloud import SmallCloud

NETWORK = "/network/v2.0"
GROUPS, RULES, PORTS = (
    f"{NETWORK}/{name}" for name in ("security-groups", "security-group-rules", "ports")
)
MISSING = "b9a3c1f2-0000-4000-8000-000000000001"


def make(client: ApiClient, name: str = "web", **fields: Any) -> dict[str, Any]:
    answer = client.post(GROUPS, {"security_group": {"name": name, **fields}})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json()["security_group"])


def ask_rule(client: ApiClient, group: str, **fields: Any) -> TestResponse:
    rule = {"security_group_id": group, "direction": "ingress", **fields}
    return client.post(RULES, {"security_group_rule": rule})


def add_rule(client: ApiClient, group: str, **fields: Any) -> dict[str, Any]:
    answer = ask_rule(client, group, **fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json()["security_group_rule"])


def said(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, str(answer.get_json()["NeutronError"]["message"])


def put(client: ApiClient, path: str, body: object) -> TestResponse:
    return client.request("PUT", path, json=body)


def names(client: ApiClient, query: str) -> list[str]:
    found = client.get(f"{GROUPS}?{query}").get_json()["security_groups"]
    return sorted(group["name"] for group in found)


def test_a_new_group_lets_all_out_and_nothing_in(client: ApiClient, lab: str) -> None:
    group = make(client, description="for browsers")
    rules = group.pop("security_group_rules")

    assert group == {
        "id": group["id"],
        "name": "web",
        "description": "for browsers",
        "tenant_id": lab,
        "project_id": lab,
        "stateful": True,
        "shared": False,
        "tags": [],
        "revision_number": 1,
        "created_at": group["created_at"],
        "updated_at": group["created_at"],
    }
    assert [(rule["direction"], rule["ethertype"]) for rule in rules] == [
        ("egress", "IPv4"),
        ("egress", "IPv6"),
    ]
    rule = rules[0]
    assert rule == {
        "id": rule["id"],
        "security_group_id": group["id"],
        "direction": "egress",
        "ethertype": "IPv4",
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "normalized_cidr": None,
        "remote_group_id": None,
        "remote_address_group_id": None,
        "description": "",
        "tenant_id": lab,
        "project_id": lab,
        "tags": [],
        "revision_number": 0,
        "created_at": group["created_at"],
        "updated_at": group["created_at"],
    }
    assert client.get(f"{RULES}/{rule['id']}").get_json() == {"security_group_rule": rule}


def test_the_default_group_lets_all_pass_and_stays(client: ApiClient, lab: str) -> None:
    path = f"{GROUPS}/{default_id(lab)}"
    group = client.get(path).get_json()["security_group"]

    assert group["name"] == "default"
    rules = group["security_group_rules"]
    assert {(rule["direction"], rule["ethertype"], rule["protocol"]) for rule in rules} == {
        (direction, ethertype, None)
        for direction in ("egress", "ingress")
        for ethertype in ("IPv4", "IPv6")
    }
    assert client.delete(path).status_code == 409
    assert put(client, path, {"security_group": {"name": "x"}}).status_code == 409
    assert put(client, path, {"security_group": {"description": "x"}}).status_code == 200
    assert said(client.post(GROUPS, {"security_group": {"name": "default"}})) == (
        409,
        "Default security group already exists.",
    )
    assert client.delete(f"{RULES}/{rules[0]['id']}").status_code == 204
    assert len(client.get(path).get_json()["security_group"]["security_group_rules"]) == 3
    assert add_rule(client, default_id(lab), direction="egress")["protocol"] is None


def test_an_administrator_brings_a_default_group_back_to_its_beginning(
    client: ApiClient, admin_client: ApiClient, lab: str, network_id: str
) -> None:
    path = f"{GROUPS}/{default_id(lab)}"
    web = make(client)
    add_rule(client, web["id"], remote_group_id=default_id(lab))
    put(client, path, {"security_group": {"description": "x"}})
    rules = client.get(path).get_json()["security_group"]["security_group_rules"]
    client.delete(f"{RULES}/{rules[0]['id']}")
    port = client.post(PORTS, {"port": {"network_id": network_id}}).get_json()["port"]

    assert said(admin_client.delete(path)) == (409, f"Security Group {default_id(lab)} in use.")
    assert client.delete(f"{PORTS}/{port['id']}").status_code == 204
    assert admin_client.delete(path).status_code == 204
    group = client.get(path).get_json()["security_group"]
    assert (group["description"], len(group["security_group_rules"])) == (
        "Default security group",
        4,
    )
    shown = client.get(f"{GROUPS}/{web['id']}").get_json()["security_group"]
    assert len(shown["security_group_rules"]) == 2


def test_a_group_is_changed_and_deleted(client: ApiClient) -> None:
    group = make(client)
    path = f"{GROUPS}/{group['id']}"
    changed = put(client, path, {"security_group": {"name": "www", "stateful": True}})

    assert changed.status_code == 200
    shown = changed.get_json()["security_group"]
    assert (shown["name"], shown["description"], shown["revision_number"]) == ("www", "", 2)
    add_rule(client, group["id"])
    assert client.get(path).get_json()["security_group"]["revision_number"] == 3
    assert put(client, path, {"security_group": {"stateful": False}}).status_code == 400
    assert client.delete(path).status_code == 204
    assert said(client.get(path)) == (404, f"Security group {group['id']} does not exist")
    rules = client.get(f"{RULES}?security_group_id={group['id']}").get_json()
    assert rules == {"security_group_rules": []}


def test_lists_are_filtered_and_their_fields_chosen(client: ApiClient, lab: str) -> None:
    web = make(client, description="for browsers")
    own = make(client, "own")
    rule = add_rule(
        client,
        web["id"],
        protocol="tcp",
        port_range_min=1,
        port_range_max=9,
        remote_group_id=own["id"],
    )
    assert put(client, f"{GROUPS}/{web['id']}/tags", {"tags": ["blue"]}).status_code == 200

    assert names(client, "") == ["default", "own", "web"]
    for query in ("name=web", f"id={web['id']}", "description=for browsers", "tags=blue"):
        assert names(client, query) == ["web"]
    assert names(client, "not-tags=blue&name=own&name=web") == ["own"]
    assert names(client, f"project_id={lab}&tenant_id={lab}") == ["default", "own", "web"]
    for query in (
        *("protocol=tcp", "port_range_min=1", "port_range_max=9", "direction=ingress"),
        *(f"remote_group_id={own['id']}", f"id={rule['id']}", "ethertype=IPv4"),
    ):
        path = f"{RULES}?security_group_id={web['id']}&direction=ingress&{query}"
        assert client.get(path).get_json() == {"security_group_rules": [rule]}
    brief = client.get(f"{GROUPS}?fields=id&fields=name&name=own").get_json()
    assert brief == {"security_groups": [{"id": own["id"], "name": "own"}]}


def test_a_port_is_in_the_default_group_or_in_those_that_it_is_given(
    client: ApiClient, network_id: str, lab: str
) -> None:
    web, own = make(client)["id"], make(client, "own")["id"]
    plain = client.post(PORTS, {"port": {"network_id": network_id}}).get_json()["port"]
    given = client.post(
        PORTS, {"port": {"network_id": network_id, "security_groups": [own, web]}}
    ).get_json()["port"]
    path = f"{PORTS}/{given['id']}"

    def set_groups(groups: Sequence[str]) -> list[str]:
        answer = put(client, path, {"port": {"security_groups": groups}})
        assert answer.status_code == 200, answer.text
        assert client.get(path).get_json() == answer.get_json()
        return list(answer.get_json()["port"]["security_groups"])

    assert (plain["security_groups"], plain["port_security_enabled"]) == ([default_id(lab)], True)
    assert given["security_groups"] == sorted([own, web])
    found = client.get(f"{PORTS}?security_groups={web}").get_json()["ports"]
    assert [port["id"] for port in found] == [given["id"]]
    assert said(client.delete(f"{GROUPS}/{web}")) == (409, f"Security Group {web} in use.")
    assert set_groups([own]) == [own]
    assert client.delete(f"{GROUPS}/{web}").status_code == 204
    assert set_groups([]) == []
    assert set_groups([default_id(lab)]) == [default_id(lab)]
    assert set_groups([own, default_id(lab), own]) == sorted([own, default_id(lab)])
    renamed = put(client, path, {"port": {"name": "x"}}).get_json()["port"]
    assert renamed["security_groups"] == sorted([own, default_id(lab)])


def test_a_port_is_not_given_what_is_not_there(
    client: ApiClient, other_client: ApiClient, network_id: str
) -> None:
    theirs = make(other_client)["id"]
    port = client.post(PORTS, {"port": {"network_id": network_id}}).get_json()["port"]

    for groups, code in (([theirs], 404), ([MISSING], 404), (["web"], 400)):
        asked = {"security_groups": groups}
        assert put(client, f"{PORTS}/{port['id']}", {"port": asked}).status_code == code
        new = {"port": {"network_id": network_id, **asked}}
        assert client.post(PORTS, new).status_code == code
    off = put(client, f"{PORTS}/{port['id']}", {"port": {"port_security_enabled": False}})
    assert said(off)[0] == 400
    assert "port_security_enabled" in said(off)[1]
    assert client.get(PORTS).get_json()["ports"] == [port]


def test_groups_of_other_projects_are_not_there_but_for_administrators(
    client: ApiClient, other_client: ApiClient, admin_client: ApiClient, lab: str
) -> None:
    group, theirs = make(client), make(other_client, "theirs")
    rule = theirs["security_group_rules"][0]["id"]

    assert names(client, "") == ["default", "web"]
    for path in (f"{GROUPS}/{theirs['id']}", f"{RULES}/{rule}"):
        assert client.get(path).status_code == client.delete(path).status_code == 404
    assert ask_rule(client, theirs["id"]).status_code == 404
    assert ask_rule(client, group["id"], remote_group_id="nowhere").status_code == 404
    assert ask_rule(client, group["id"], remote_group_id=theirs["id"]).status_code == 404
    assert ask_rule(admin_client, group["id"], remote_group_id=theirs["id"]).status_code == 404
    assert set(names(admin_client, "")) >= {"web", "theirs", "default"}
    made = make(admin_client, "given", project_id=lab)
    assert made["project_id"] == lab
    refused = other_client.post(GROUPS, {"security_group": {"name": "x", "project_id": lab}})
    assert refused.status_code == 403
    missing = {"security_group": {"name": "x", "project_id": "0" * 32}}
    assert admin_client.post(GROUPS, missing).status_code == 404
    assert ask_rule(admin_client, group["id"], project_id=lab).status_code == 201


def test_the_quota_holds_however_many_ask_at_once(
    cloud: SmallCloud, client: ApiClient, other_client: ApiClient, lab: str
) -> None:
    codes: list[int] = []

    def ask() -> None:
        caller = ApiClient(client.http.application.test_client(), client.token)
        answer = caller.post(GROUPS, {"security_group": {"name": "web"}})
        codes.append(answer.status_code)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == [201] * 9 + [409] * 7  # the default one is the tenth
    assert len(cloud.parts.store.security_groups.list(project_id=lab)) == 10
    assert make(other_client)["name"] == "web"


def test_a_group_goes_with_its_project(
    cloud: SmallCloud, other_client: ApiClient, admin_client: ApiClient
) -> None:
    project_id = make(other_client)["project_id"]
    assert len(cloud.parts.store.security_groups.list(project_id=project_id)) == 2

    assert admin_client.delete(f"/identity/v3/projects/{project_id}").status_code == 204
    assert cloud.parts.store.security_groups.list(project_id=project_id) == []
