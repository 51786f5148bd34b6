# SPDX-License-Identifier: Apache-2.0
"""Flavors as administrators make and share them, at the versions that changed them."""

from __future__ import annotations

from typing import Any

import pytest

from agent.model.identity import Project
from tests.fast.api.conftest import ApiClient, At, create
from tests.fast.smallcloud import SmallCloud

FLAVORS = "/flavors"
WANTED = {"name": "m1.own", "ram": 64, "vcpus": 1, "disk": 1}


def make(at: At, **fields: Any) -> dict[str, Any]:
    answer = at("2.1", "admin").ask("POST", FLAVORS, {"flavor": {**WANTED, **fields}})
    assert answer.status_code == 200, answer.text
    flavor: dict[str, Any] = answer.get_json()["flavor"]
    return flavor


def lab_project(cloud: SmallCloud) -> Project:
    project = cloud.parts.store.identity.find_project("lab")
    assert project is not None
    return project


def test_a_new_flavor_has_what_was_asked_for(at: At) -> None:
    flavor = make(
        at,
        id=1234,
        ram="128",
        swap=1024,
        rxtx_factor=2,
        **{"OS-FLV-EXT-DATA:ephemeral": 10, "os-flavor-access:is_public": "False"},
    )

    base = "http://127.0.0.1:8774/compute"
    assert flavor == {
        "id": "1234",
        "name": "m1.own",
        "links": [
            {"rel": "self", "href": f"{base}/v2.1/flavors/1234"},
            {"rel": "bookmark", "href": f"{base}/flavors/1234"},
        ],
        "ram": 128,
        "disk": 1,
        "vcpus": 1,
        "swap": 1024,
        "rxtx_factor": 2.0,
        "OS-FLV-EXT-DATA:ephemeral": 10,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": False,
    }
    assert at("2.1", "admin").get(f"{FLAVORS}/1234") == {"flavor": flavor}


def test_a_flavor_without_an_id_gets_a_uuid(at: At) -> None:
    assert len(make(at)["id"]) == len(make(at, name="other", id=None)["id"]) == 36


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("2.1", {"swap": ""}),
        ("2.54", {"swap": ""}),
        ("2.55", {"swap": "", "description": None}),
        ("2.60", {"swap": "", "description": None}),
        ("2.61", {"swap": "", "description": None, "extra_specs": {}}),
        ("2.74", {"swap": "", "description": None, "extra_specs": {}}),
        ("2.75", {"swap": 0, "description": None, "extra_specs": {}}),
        ("2.96", {"swap": 0, "description": None, "extra_specs": {}}),
    ],
)
def test_each_version_shows_its_fields(at: At, version: str, more: dict[str, Any]) -> None:
    core = {"id", "name", "links", "ram", "disk", "vcpus", "swap", "rxtx_factor"}
    core |= {"OS-FLV-EXT-DATA:ephemeral", "OS-FLV-DISABLED:disabled", "os-flavor-access:is_public"}
    shown = at(version).get(f"{FLAVORS}/1")["flavor"]
    (brief, *_) = at(version).get(FLAVORS)["flavors"]
    (detail, *_) = at(version).get(f"{FLAVORS}/detail")["flavors"]

    assert shown == detail
    assert shown.keys() == core | more.keys()
    assert {name: shown[name] for name in more} == more
    assert brief.keys() == {"id", "name", "links"} | (more.keys() & {"description"})


def test_a_description_comes_with_2_55(at: At) -> None:
    admin = at("2.55", "admin")
    body = {"flavor": {**WANTED, "description": "one of\nour own"}}
    assert at("2.54", "admin").ask("POST", FLAVORS, body).status_code == 400
    made = admin.ask("POST", FLAVORS, body).get_json()["flavor"]
    path, change = f"{FLAVORS}/{made['id']}", {"flavor": {"description": None}}

    assert made["description"] == "one of\nour own"
    assert at("2.54", "admin").ask("PUT", path, change).status_code == 404
    changed = admin.ask("PUT", path, change)
    assert changed.status_code == 200
    assert changed.get_json()["flavor"] == {**made, "description": None}
    assert admin.ask("PUT", path, {"flavor": {}}).status_code == 400
    assert admin.ask("PUT", path, {"flavor": {"description": None, "ram": 1}}).status_code == 400
    assert admin.ask("PUT", f"{FLAVORS}/none", change).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": " x"},
        {"name": "x" * 256},
        {"name": "a\x07b"},
        {"ram": 0},
        {"ram": "0"},
        {"ram": "much"},
        {"ram": 2**31},
        {"ram": str(2**31)},
        {"vcpus": 0},
        {"disk": -1},
        {"swap": -1},
        {"id": ""},
        {"id": " 1"},
        {"id": "a/b"},
        {"id": 1e300},
        {"id": True},
        {"rxtx_factor": 0},
        {"rxtx_factor": "0"},
        {"rxtx_factor": "1e9"},
        {"rxtx_factor": "9" * 39},
        {"os-flavor-access:is_public": "perhaps"},
        {"colour": "blue"},
    ],
)
def test_a_malformed_flavor_is_400(at: At, fields: dict[str, Any]) -> None:
    body = {"flavor": {**WANTED, **fields}}

    assert at("2.1", "admin").ask("POST", FLAVORS, body).status_code == 400


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "1", "name": "new"}, "Flavor with ID 1 already exists."),
        ({"id": "new", "name": "m1.tiny"}, "Flavor with name m1.tiny already exists."),
    ],
)
def test_a_taken_id_or_name_is_409(at: At, fields: dict[str, Any], message: str) -> None:
    answer = at("2.1", "admin").ask("POST", FLAVORS, {"flavor": {**WANTED, **fields}})

    assert answer.status_code == 409
    assert answer.get_json()["conflictingRequest"]["message"] == message


def test_a_deleted_flavor_is_gone_and_servers_keep_theirs(
    cloud: SmallCloud, at: At, image_id: str
) -> None:
    flavor = make(at)
    wanted = {"name": "one", "imageRef": image_id, "flavorRef": flavor["id"]}
    made = at("2.1").ask("POST", "/servers", {"server": wanted}).get_json()["server"]

    deleted = at("2.1", "admin").ask("DELETE", f"{FLAVORS}/{flavor['id']}")
    cloud.work()

    assert (deleted.status_code, deleted.data) == (202, b"")
    assert at("2.1").ask("GET", f"{FLAVORS}/{flavor['id']}").status_code == 404
    assert at("2.1", "admin").ask("DELETE", f"{FLAVORS}/{flavor['id']}").status_code == 404
    server = cloud.server(made["id"])
    assert (server.vm_state, server.flavor.name) == ("active", "m1.own")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("sort_key=memory_mb&sort_dir=desc", ["5", "4", "3", "2", "1"]),
        ("sort_dir=desc&limit=2", ["5", "4"]),
        ("sort_dir=desc&limit=2&marker=4", ["3", "2"]),
        ("sort_key=name", ["4", "3", "2", "1", "5"]),
        ("sort_key=vcpus&sort_dir=desc", ["5", "4", "3", "1", "2"]),
        ("sort_key=created_at&sort_dir=desc", ["1", "2", "3", "4", "5"]),
    ],
)
def test_a_list_is_sorted_and_then_cut(at: At, query: str, ids: list[str]) -> None:
    flavors = at("2.1").get(f"{FLAVORS}?{query}")["flavors"]

    assert [flavor["id"] for flavor in flavors] == ids


@pytest.mark.parametrize("query", ["sort_key=colour", "sort_dir=up", "limit=-1", "minDisk=x"])
def test_a_bad_query_is_400(at: At, query: str) -> None:
    assert at("2.1").ask("GET", f"{FLAVORS}?{query}").status_code == 400


def test_an_unknown_query_is_400_from_2_75(at: At) -> None:
    assert at("2.74").ask("GET", f"{FLAVORS}?colour=blue").status_code == 200
    assert at("2.75").ask("GET", f"{FLAVORS}?colour=blue").status_code == 400


# Extra specs


def test_extra_specs_are_set_shown_changed_and_removed(at: At) -> None:
    specs, admin = f"{FLAVORS}/1/os-extra_specs", at("2.1", "admin")

    added = admin.ask("POST", specs, {"extra_specs": {"hw:numa_nodes": 1, "a": "b"}})
    changed = admin.ask("PUT", f"{specs}/a", {"a": "c"})

    assert (added.status_code, added.get_json()) == (
        200,
        {"extra_specs": {"hw:numa_nodes": 1, "a": "b"}},
    )
    assert (changed.status_code, changed.get_json()) == (200, {"a": "c"})
    assert at("2.1").get(specs) == {"extra_specs": {"hw:numa_nodes": "1", "a": "c"}}
    assert at("2.1").get(f"{specs}/a") == {"a": "c"}
    shown = at("2.61").get(f"{FLAVORS}/1")["flavor"]["extra_specs"]
    assert shown == {"hw:numa_nodes": "1", "a": "c"}
    removed = admin.ask("DELETE", f"{specs}/a")
    assert (removed.status_code, removed.data) == (200, b"")
    for answer in (admin.ask("DELETE", f"{specs}/a"), at("2.1").ask("GET", f"{specs}/a")):
        assert answer.status_code == 404
        message = answer.get_json()["itemNotFound"]["message"]
        assert message == "Flavor 1 has no extra specs with key a."


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"extra_specs": {"a/b": "c"}}),
        ("POST", "", {"extra_specs": {"a" * 256: "c"}}),
        ("POST", "", {"extra_specs": {"a": "c" * 256}}),
        ("POST", "", {"extra_specs": {"a": None}}),
        ("POST", "", {"extra_specs": {"a": True}}),
        ("POST", "", {"specs": {}}),
        ("PUT", "/a", {"b": "c"}),
        ("PUT", "/a", {"a": "c", "b": "c"}),
        ("PUT", "/a", {}),
    ],
)
def test_malformed_extra_specs_are_400(at: At, method: str, path: str, body: object) -> None:
    answer = at("2.1", "admin").ask(method, f"{FLAVORS}/1/os-extra_specs{path}", body)

    assert answer.status_code == 400
    assert at("2.1").get(f"{FLAVORS}/1/os-extra_specs") == {"extra_specs": {}}


def test_extra_specs_are_checked_from_2_86(at: At) -> None:
    specs, wrong = f"{FLAVORS}/1/os-extra_specs", {"extra_specs": {"hw:cpu_policy": "sharrred"}}

    assert at("2.85", "admin").ask("POST", specs, wrong).status_code == 200
    answer = at("2.86", "admin").ask("POST", specs, wrong)
    assert answer.status_code == 400
    assert "hw:cpu_policy" in answer.get_json()["badRequest"]["message"]
    good = {"extra_specs": {"hw:cpu_policy": "shared", "foo:bar": "baz"}}
    assert at("2.86", "admin").ask("POST", specs, good).status_code == 200


# Private flavors


def test_a_private_flavor_is_there_for_those_who_are_let_in(
    cloud: SmallCloud, at: At, image_id: str
) -> None:
    lab, admin = lab_project(cloud), at("2.7", "admin")
    make(at, id="own", **{"os-flavor-access:is_public": False})
    path = f"{FLAVORS}/own"

    def met() -> list[object]:
        listed = [flavor["id"] for flavor in at("2.1").get(FLAVORS)["flavors"]]
        wanted = {"name": "one", "imageRef": image_id, "flavorRef": "own"}
        return [
            "own" in listed,
            at("2.1").ask("GET", path).status_code,
            at("2.1").ask("GET", f"{path}/os-extra_specs").status_code,
            at("2.1").ask("POST", "/servers", {"server": wanted}).status_code,
        ]

    before = met()
    added = admin.ask("POST", f"{path}/action", {"addTenantAccess": {"tenant": lab.id}})
    let_in = met()
    shown = admin.get(f"{path}/os-flavor-access")
    removed = admin.ask("POST", f"{path}/action", {"removeTenantAccess": {"tenant": lab.id}})

    assert before == met() == [False, 404, 404, 400]
    assert let_in == [True, 200, 200, 202]
    entries = {"flavor_access": [{"flavor_id": "own", "tenant_id": lab.id}]}
    assert (added.status_code, added.get_json(), shown) == (200, entries, entries)
    assert (removed.status_code, removed.get_json()) == (200, {"flavor_access": []})


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["1", "2", "3", "4", "5"]),
        ("?is_public=True", ["1", "2", "3", "4", "5"]),
        ("?is_public=None", ["1", "2", "3", "4", "5", "own"]),
        ("?is_public=0", ["own"]),
    ],
)
def test_administrators_list_private_flavors_when_they_ask(
    at: At, query: str, shown: list[str]
) -> None:
    make(at, id="own", **{"os-flavor-access:is_public": False})

    flavors = at("2.1", "admin").get(f"{FLAVORS}{query}")["flavors"]

    assert [flavor["id"] for flavor in flavors] == shown
    assert at("2.1", "admin").ask("GET", f"{FLAVORS}?is_public=x").status_code == 400
    assert at("2.1").ask("GET", f"{FLAVORS}?is_public=x").status_code == 200


def test_wrong_access_is_refused(cloud: SmallCloud, at: At) -> None:
    lab = lab_project(cloud)
    make(at, id="own", **{"os-flavor-access:is_public": False})
    add, remove = "addTenantAccess", "removeTenantAccess"

    def act(flavor_id: str, action: str, tenant: str, version: str = "2.7") -> int:
        path, body = f"{FLAVORS}/{flavor_id}/action", {action: {"tenant": tenant}}
        return at(version, "admin").ask("POST", path, body).status_code

    assert act("own", add, lab.id) == 200
    assert act("own", add, lab.id) == 409
    assert act("1", add, lab.id) == 409
    assert act("1", add, lab.id, version="2.6") == 200
    assert act("none", add, lab.id) == 404
    assert act("own", add, "nobody") == 400
    assert act("own", remove, "nobody") == 404
    assert act("none", remove, lab.id) == 404
    assert act("own", "renameTenant", lab.id) == 400
    assert at("2.1", "admin").ask("GET", f"{FLAVORS}/1/os-flavor-access").status_code == 404


# Servers


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"swap": 64}, "64 MiB of swap"), ({"OS-FLV-EXT-DATA:ephemeral": 1}, "ephemeral disk")],
)
def test_no_server_is_made_of_a_flavor_with_disks_that_it_would_not_get(
    at: At, client: ApiClient, image_id: str, fields: dict[str, Any], words: str
) -> None:
    flavor = make(at, **fields)

    answer = create(client, image_id, flavorRef=flavor["id"])

    assert answer.status_code == 400
    assert words in answer.get_json()["badRequest"]["message"]
