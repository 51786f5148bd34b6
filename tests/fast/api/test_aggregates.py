# SPDX-License-Identifier: Apache-2.0
"""/os-aggregates, and the zones that they put hosts and servers into."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import At, Versioned
from tests.fast.smallcloud import SmallCloud

AGGREGATES = "/os-aggregates"
NOW = "2026-01-01T00:00:00.000000"


@pytest.fixture
def at(at: At) -> At:
    """Administrators, where nobody else is named."""
    return lambda version, who="admin": at(version, who)


@pytest.fixture
def host(cloud: SmallCloud) -> str:
    return cloud.parts.store.hosts.list()[0].name


def make(caller: Versioned, name: str = "rack", **fields: Any) -> dict[str, Any]:
    answer = caller.ask("POST", AGGREGATES, {"aggregate": {"name": name, **fields}})
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json()["aggregate"])


def act(caller: Versioned, its_id: int, code: int = 200, **action: Any) -> Any:
    answer = caller.ask("POST", f"{AGGREGATES}/{its_id}/action", action)
    assert answer.status_code == code, answer.text
    return answer.get_json().get("aggregate", answer.get_json())


@pytest.mark.parametrize("version", ["2.1", "2.40", "2.41", "2.96"])
def test_an_aggregate_has_the_fields_of_its_version(at: At, version: str) -> None:
    made = make(at(version), availability_zone="east")

    uuid = {"uuid": made.get("uuid")} if version in {"2.41", "2.96"} else {}
    assert made == {
        "id": 1,
        "name": "rack",
        "availability_zone": "east",
        "created_at": NOW,
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
        **uuid,
    }
    shown = {**made, "hosts": [], "metadata": {"availability_zone": "east"}}
    assert at(version).get(f"{AGGREGATES}/1") == {"aggregate": shown}
    assert at(version).get(AGGREGATES) == {"aggregates": [shown]}


def test_an_aggregate_is_renamed_and_given_a_zone(at: At) -> None:
    caller = at("2.1")
    its_id = make(caller)["id"]

    answer = caller.ask(
        "PUT", f"{AGGREGATES}/{its_id}", {"aggregate": {"name": "row", "availability_zone": "east"}}
    )

    changed = answer.get_json()["aggregate"]
    assert (answer.status_code, changed["name"], changed["availability_zone"]) == (
        200,
        "row",
        "east",
    )
    assert changed["metadata"] == {"availability_zone": "east"}
    assert changed["updated_at"] == NOW
    assert caller.get(f"{AGGREGATES}/{its_id}") == {"aggregate": changed}


def test_metadata_is_set_and_removed_key_by_key(at: At) -> None:
    caller = at("2.1")
    its_id = make(caller)["id"]

    first = act(caller, its_id, set_metadata={"metadata": {"ssd": "true", "gpu": "no"}})
    then = act(caller, its_id, set_metadata={"metadata": {"gpu": None, "cpu": "fast"}})

    assert first["metadata"] == {"ssd": "true", "gpu": "no"}
    assert then["metadata"] == {"ssd": "true", "cpu": "fast"}


def test_a_host_is_put_in_and_taken_out(at: At, host: str) -> None:
    caller = at("2.1")
    its_id = make(caller)["id"]

    assert act(caller, its_id, add_host={"host": host})["hosts"] == [host]
    act(caller, its_id, 409, add_host={"host": host})
    act(caller, its_id, 404, add_host={"host": "elsewhere"})
    refused = caller.ask("DELETE", f"{AGGREGATES}/{its_id}")
    assert refused.status_code == 400
    assert "not empty" in refused.text
    assert act(caller, its_id, remove_host={"host": host})["hosts"] == []
    act(caller, its_id, 404, remove_host={"host": host})
    answer = caller.ask("DELETE", f"{AGGREGATES}/{its_id}")
    assert (answer.status_code, answer.data) == (200, b"")
    assert caller.get(AGGREGATES) == {"aggregates": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "", {"aggregate": {"name": "rack"}}, 409),
        ("POST", "", {"aggregate": {"name": ""}}, 400),
        ("POST", "", {"aggregate": {"name": "a" * 256}}, 400),
        ("POST", "", {"aggregate": {"name": "x", "availability_zone": ""}}, 400),
        ("POST", "", {"aggregate": {"name": "x", "availability_zone": "a:b"}}, 400),
        ("POST", "", {"aggregate": {"name": "x", "hosts": []}}, 400),
        ("POST", "", {"aggregate": {}}, 400),
        ("GET", "/7", None, 404),
        ("GET", "/-1", None, 404),
        ("GET", "/rack", None, 400),
        ("PUT", "/7", {"aggregate": {"name": "x"}}, 404),
        ("PUT", "/1", {"aggregate": {}}, 400),
        ("PUT", "/1", {"aggregate": {"name": "row"}}, 409),
        ("PUT", "/1", {"aggregate": {"availability_zone": None}}, 400),
        ("DELETE", "/7", None, 404),
        ("DELETE", "/-1", None, 404),
        ("DELETE", "/rack", None, 400),
        ("POST", "/7/action", {"add_host": {"host": "x"}}, 404),
        ("POST", "/1/action", {"add_host": {}}, 400),
        ("POST", "/1/action", {"add_host": {"host": "a b"}}, 400),
        ("POST", "/1/action", {"explode": {}}, 400),
        ("POST", "/1/action", {"set_metadata": {"metadata": {"k": 1}}}, 400),
        ("POST", "/1/action", {"set_metadata": {"metadata": {"k": "v" * 256}}}, 400),
        ("POST", "/1/action", {"set_metadata": {"metadata": {"availability_zone": ""}}}, 400),
        ("POST", "/7/action", {"set_metadata": {"metadata": {}}}, 404),
        ("POST", "/1/images", {"cache": [{"id": "x"}]}, 404),
    ],
)
def test_a_wrong_request_changes_nothing(
    at: At, method: str, path: str, body: object, code: int
) -> None:
    make(at("2.81"))
    make(at("2.81"), "row")
    before = at("2.81").get(AGGREGATES)

    answer = at("2.81").ask(method, AGGREGATES + path, body)

    assert answer.status_code == code, answer.text
    assert at("2.81").get(AGGREGATES) == before


def test_a_zone_of_an_aggregate_takes_servers(cloud: SmallCloud, at: At, host: str) -> None:
    caller = at("2.1", "lab")
    its_id = make(at("2.1"), availability_zone="east")["id"]

    def ask(**zone: str) -> Any:
        server = {"name": "one", "imageRef": cloud.image_id(), "flavorRef": "1", **zone}
        return caller.ask("POST", "/servers", {"server": server})

    refused = ask(availability_zone="east")
    assert refused.status_code == 400
    assert "availability_zone: The requested availability zone is not available" in refused.text
    act(at("2.1"), its_id, add_host={"host": host})
    assert caller.get("/os-availability-zone")["availabilityZoneInfo"] == [
        {"zoneName": "east", "zoneState": {"available": True}, "hosts": None}
    ]
    assert ask(availability_zone="nova").status_code == 400

    servers = [ask(availability_zone="east"), ask()]
    cloud.work()

    for answer in servers:
        shown = caller.get(f"/servers/{answer.get_json()['server']['id']}")["server"]
        assert (shown["status"], shown["OS-EXT-AZ:availability_zone"]) == ("ACTIVE", "east")


def test_a_zone_does_not_change_under_servers(cloud: SmallCloud, at: At, host: str) -> None:
    caller = at("2.1")
    other, plain = make(caller, availability_zone="east")["id"], make(caller, "plain")["id"]
    server = cloud.create()
    cloud.work()

    said = act(caller, other, 409, add_host={"host": host})["conflictingRequest"]["message"]
    assert "would change from 'nova' to 'east'" in said
    act(caller, plain, add_host={"host": host})
    zone = {"availability_zone": "east"}
    act(caller, plain, 400, set_metadata={"metadata": zone})
    put = caller.ask("PUT", f"{AGGREGATES}/{plain}", {"aggregate": zone})
    assert (put.status_code, "contain instances" in put.text) == (400, True)

    cloud.act(server, "delete")
    cloud.work()
    assert act(caller, other, add_host={"host": host})["hosts"] == [host]
    act(caller, plain, 400, set_metadata={"metadata": {"availability_zone": "west"}})
    cloud.create()
    cloud.work()
    act(caller, other, 409, remove_host={"host": host})
    act(caller, plain, remove_host={"host": host})


def test_users_see_no_aggregates(at: At) -> None:
    assert at("2.1", "lab").ask("GET", AGGREGATES).status_code == 403
