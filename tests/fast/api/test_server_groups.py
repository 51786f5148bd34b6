# SPDX-License-Identifier: Apache-2.0
"""/os-server-groups at each version, and what a group does to its members' hosts."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.fast.api.conftest import At, Versioned
from tests.fast.smallcloud import SmallCloud

GROUPS = "/os-server-groups"


def make_group(caller: Versioned, **fields: Any) -> dict[str, Any]:
    answer = caller.ask("POST", GROUPS, {"server_group": {"name": "web", **fields}})
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json()["server_group"])


def build(cloud: SmallCloud, caller: Versioned, **hints: Any) -> str:
    """Ask for a server with hints, let the engine work, and give its id."""
    body = {
        "server": {"name": "one", "imageRef": cloud.image_id(), "flavorRef": "1"},
        "os:scheduler_hints": hints,
    }
    answer = caller.ask("POST", "/servers", body)
    assert answer.status_code == 202, answer.text
    cloud.work()
    return str(answer.get_json()["server"]["id"])


@pytest.mark.parametrize(
    ("version", "asked", "fields"),
    [
        ("2.1", {"policies": ["affinity"]}, {"policies", "metadata"}),
        ("2.12", {"policies": ["anti-affinity"]}, {"policies", "metadata"}),
        (
            "2.13",
            {"policies": ["affinity"]},
            {"policies", "metadata", "project_id", "user_id"},
        ),
        (
            "2.15",
            {"policies": ["soft-affinity"]},
            {"policies", "metadata", "project_id", "user_id"},
        ),
        (
            "2.63",
            {"policies": ["soft-anti-affinity"]},
            {"policies", "metadata", "project_id", "user_id"},
        ),
        ("2.64", {"policy": "affinity"}, {"policy", "rules", "project_id", "user_id"}),
        (
            "2.96",
            {"policy": "anti-affinity", "rules": {"max_server_per_host": 3}},
            {"policy", "rules", "project_id", "user_id"},
        ),
    ],
)
def test_a_group_has_the_fields_of_its_version(
    at: At, version: str, asked: dict[str, Any], fields: set[str]
) -> None:
    group = make_group(at(version), **asked)

    assert group.keys() == {"id", "name", "members"} | fields
    assert {name: group[name] for name in asked} == asked
    assert (group["name"], group["members"], group.get("metadata", {})) == ("web", [], {})
    assert at(version).get(f"{GROUPS}/{group['id']}") == {"server_group": group}
    assert at(version).get(GROUPS) == {"server_groups": [group]}


def test_a_group_without_rules_has_none(at: At) -> None:
    assert make_group(at("2.64"), policy="anti-affinity")["rules"] == {}


@pytest.mark.parametrize(
    ("version", "fields", "said"),
    [
        ("2.1", {}, "policies"),
        ("2.1", {"policies": []}, "policies"),
        ("2.1", {"policies": ["affinity", "anti-affinity"]}, "policies"),
        ("2.1", {"policies": ["soft-affinity"]}, "policies.0"),
        ("2.14", {"policies": ["soft-anti-affinity"]}, "policies.0"),
        ("2.1", {"policies": ["storage"]}, "policies.0"),
        ("2.1", {"policies": ["affinity"], "name": ""}, "name"),
        ("2.1", {"policies": ["affinity"], "name": " web"}, "name"),
        ("2.1", {"policies": ["affinity"], "name": "a" * 256}, "name"),
        ("2.1", {"policy": "affinity"}, "policies"),
        ("2.63", {"policies": ["anti-affinity"], "rules": {}}, "rules"),
        ("2.64", {"policies": ["affinity"]}, "policy"),
        ("2.64", {"policy": ["affinity"]}, "policy"),
        ("2.64", {"policy": "affinity", "rules": {"max_server_per_host": 2}}, "rules"),
        ("2.64", {"policy": "anti-affinity", "rules": {"max_server_per_host": 0}}, "rules"),
        ("2.64", {"policy": "anti-affinity", "rules": {"most": 2}}, "rules"),
    ],
)
def test_a_wrong_group_is_refused(at: At, version: str, fields: dict[str, Any], said: str) -> None:
    answer = at(version).ask("POST", GROUPS, {"server_group": {"name": "web", **fields}})

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]
    assert at(version).get(GROUPS) == {"server_groups": []}


def test_a_deleted_group_is_gone_and_its_members_stay(cloud: SmallCloud, at: At) -> None:
    caller = at("2.1")
    group = make_group(caller, policies=["affinity"])["id"]
    server = build(cloud, caller, group=group)

    assert caller.ask("DELETE", f"{GROUPS}/{group}").status_code == 204

    answer = caller.ask("GET", f"{GROUPS}/{group}")
    assert answer.status_code == 404
    assert answer.get_json()["itemNotFound"]["message"] == (
        f"Instance group {group} could not be found."
    )
    assert caller.ask("DELETE", f"{GROUPS}/{group}").status_code == 404
    assert cloud.server(server).group_ids == ()


def test_lists_are_cut_and_show_other_projects_to_admins_only(cloud: SmallCloud, at: At) -> None:
    user, admin = at("2.74"), at("2.74", "admin")
    first = make_group(user, policy="affinity")["id"]
    cloud.clock.advance(1)
    second = make_group(user, policy="affinity")["id"]

    def ids(caller: Versioned, query: str) -> list[str]:
        return [group["id"] for group in caller.get(f"{GROUPS}?{query}")["server_groups"]]

    assert ids(user, "limit=1") == [first]
    assert ids(user, "limit=0") == [first, second]
    assert ids(user, "offset=1&limit=5") == [second]
    assert ids(user, "all_projects=1") == [first, second]
    assert ids(admin, "") == []
    assert ids(admin, "all_projects=True") == [first, second]
    assert ids(user, "unknown=1") == [first, second]
    assert user.ask("GET", f"{GROUPS}?limit=-1").status_code == 400
    assert at("2.75").ask("GET", f"{GROUPS}?unknown=1").status_code == 400


def test_a_project_has_ten_groups_at_most(at: At) -> None:
    caller = at("2.64")
    for _ in range(10):
        make_group(caller, policy="affinity")

    answer = caller.ask("POST", GROUPS, {"server_group": {"name": "web", "policy": "affinity"}})

    assert answer.status_code == 403
    assert answer.get_json()["forbidden"]["message"] == ("Quota exceeded, too many server groups.")


def test_a_member_is_shown_until_it_is_deleted(cloud: SmallCloud, at: At) -> None:
    caller = at("2.1")
    group = make_group(caller, policies=["affinity"])["id"]
    server = build(cloud, caller, group=group)

    assert caller.get(f"{GROUPS}/{group}")["server_group"]["members"] == [server]
    assert cloud.server(server).group_ids == (group,)

    cloud.act(server, "delete")
    cloud.work()
    assert caller.get(f"{GROUPS}/{group}")["server_group"]["members"] == []


def test_a_second_anti_affine_server_finds_no_host(cloud: SmallCloud, at: At) -> None:
    caller = at("2.64")
    group = make_group(caller, policy="anti-affinity")["id"]

    first, second = (build(cloud, at("2.36"), group=group) for _ in range(2))

    assert cloud.server(first).vm_state == "active"
    broken = cloud.server(second)
    assert (broken.vm_state, broken.host) == ("error", None)
    assert broken.fault is not None
    assert broken.fault.message.startswith("No valid host was found")
    assert "anti-affinity" in broken.fault.message


def test_rules_let_more_of_a_group_onto_a_host(cloud: SmallCloud, at: At) -> None:
    rules = {"max_server_per_host": "2"}
    group = make_group(at("2.64"), policy="anti-affinity", rules=rules)
    assert group["rules"] == {"max_server_per_host": 2}

    states = [cloud.server(build(cloud, at("2.1"), group=group["id"])).vm_state for _ in range(3)]

    assert states == ["active", "active", "error"]


@pytest.mark.parametrize("policy", ["affinity", "soft-affinity", "soft-anti-affinity"])
def test_the_other_policies_take_one_host(cloud: SmallCloud, at: At, policy: str) -> None:
    group = make_group(at("2.64"), policy=policy)["id"]

    servers = [build(cloud, at("2.1"), group=group) for _ in range(2)]

    assert [cloud.server(server).vm_state for server in servers] == ["active", "active"]


def test_hints_name_servers_to_be_with_or_without(cloud: SmallCloud, at: At) -> None:
    caller, nowhere = at("2.1"), str(uuid.uuid4())
    first = build(cloud, caller)

    with_it = build(cloud, caller, same_host=first)
    without_it = build(cloud, caller, different_host=[first])
    with_none = build(cloud, caller, same_host=[nowhere])
    without_none = build(cloud, caller, different_host=nowhere)

    states = [
        cloud.server(each).vm_state for each in (with_it, without_it, with_none, without_none)
    ]
    assert states == ["active", "error", "error", "active"]


@pytest.mark.parametrize(
    ("hints", "said"),
    [
        ({"group": "web"}, "os:scheduler_hints.group: must be a uuid"),
        ({"group": 1}, "os:scheduler_hints.group"),
        ({"group": "8" * 8 + "-8888-8888-8888-" + "8" * 12}, "Instance group 8"),
        ({"same_host": ["web"]}, "os:scheduler_hints.same_host: must be a uuid"),
        ({"different_host": {}}, "os:scheduler_hints.different_host"),
        ({"query": ["=", "$free_ram_mb", 1]}, "os:scheduler_hints.query"),
    ],
)
def test_wrong_hints_are_refused(
    cloud: SmallCloud, at: At, hints: dict[str, Any], said: str
) -> None:
    body = {
        "server": {"name": "one", "imageRef": cloud.image_id(), "flavorRef": "1"},
        "os:scheduler_hints": hints,
    }
    answer = at("2.1").ask("POST", "/servers", body)

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]
    assert at("2.1").get("/servers") == {"servers": []}


def test_another_projects_group_is_not_there(cloud: SmallCloud, at: At) -> None:
    group = make_group(at("2.1", "admin"), policies=["affinity"])["id"]
    body = {
        "server": {"name": "one", "imageRef": cloud.image_id(), "flavorRef": "1"},
        "OS-SCH-HNT:scheduler_hints": {"group": group},
    }

    assert at("2.1").ask("GET", f"{GROUPS}/{group}").status_code == 404
    answer = at("2.1").ask("POST", "/servers", body)
    assert answer.status_code == 400
    assert f"Instance group {group} could not be found." in answer.text
