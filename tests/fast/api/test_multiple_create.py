# SPDX-License-Identifier: Apache-2.0
"""Several servers by one request, and requests that race for the last of the quota."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from agent.config import QuotaConfig
from agent.store.netschema import networks, subnets
from tests.fast.api.conftest import ApiClient, create, let_in, make_server
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud

SERVERS = "/compute/v2.1/servers"

Speak = Callable[[str], ApiClient]


def listed(client: ApiClient) -> list[str]:
    return sorted(server["name"] for server in client.get(SERVERS).get_json()["servers"])


def with_quota(cloud: SmallCloud, **quota: int) -> Flask:
    """The application over a cloud that gives each project so much."""
    cloud.config = replace(cloud.config, quota=QuotaConfig(**quota))
    cloud.reboot()
    return build_app(cloud)


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        ({"min_count": 1}, ["web"]),
        ({"max_count": 1}, ["web"]),
        ({"min_count": "2"}, ["web-1", "web-2"]),
        ({"max_count": 3}, ["web-1", "web-2", "web-3"]),
        ({"min_count": 2, "max_count": 3}, ["web-1", "web-2", "web-3"]),
        ({"min_count": 2, "max_count": 99}, [f"web-{n}" for n in (1, 10, *range(2, 10))]),
    ],
)
def test_a_request_makes_several_servers_as_far_as_the_quota_goes(
    client: ApiClient, image_id: str, fields: dict[str, Any], made: list[str]
) -> None:
    make_server(client, image_id, name="web", **fields)

    assert listed(client) == made


def test_several_servers_share_a_request_a_password_and_a_reservation(
    cloud: SmallCloud, client: ApiClient, speak_admin: Speak, image_id: str
) -> None:
    answer = create(client, image_id, name="Web One", min_count=2, metadata={"role": "web"})
    cloud.work()

    servers = speak_admin("2.3").get(f"{SERVERS}/detail?all_tenants=1").get_json()["servers"]
    first, second = sorted(servers, key=lambda server: server["name"])
    attribute = "OS-EXT-SRV-ATTR:{}".format
    assert [first["name"], second["name"]] == ["Web One-1", "Web One-2"]
    assert [first["status"], second["status"]] == ["ACTIVE", "ACTIVE"]
    assert [each[attribute("hostname")] for each in (first, second)] == ["web-one-1", "web-one-2"]
    assert [each[attribute("launch_index")] for each in (first, second)] == [0, 1]
    assert first[attribute("reservation_id")] == second[attribute("reservation_id")]
    assert first["addresses"] != second["addresses"]
    assert answer.get_json()["server"]["id"] == first["id"]
    assert answer.headers["Location"].endswith(first["id"])
    assert cloud.inventory()["domains"] == {first["id"], second["id"]}


def test_a_reservation_is_answered_when_it_is_asked_for_and_finds_its_servers(
    client: ApiClient, image_id: str
) -> None:
    answer = create(client, image_id, name="web", min_count=2, return_reservation_id=True)
    make_server(client, image_id, name="other")

    assert answer.status_code == 202
    (key, reservation), *more = answer.get_json().items()
    assert (key, more, "Location" in answer.headers) == ("reservation_id", [], False)
    found = client.get(f"{SERVERS}?reservation_id={reservation}").get_json()["servers"]
    assert sorted(server["name"] for server in found) == ["web-1", "web-2"]


def test_fewer_than_the_least_are_none(client: ApiClient, image_id: str) -> None:
    make_server(client, image_id)

    answer = create(client, image_id, min_count=10)

    assert answer.status_code == 403
    assert "Requested 10, but already used 1 of 10 instances" in answer.text
    assert listed(client) == ["one"]


def test_without_an_address_for_each_none_is_made(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    with cloud.parts.store.db.write() as connection:
        (subnet,) = connection.execute(subnets.select().join(networks)).all()
        few = subnet.pool_start.rsplit(".", 1)[0]
        connection.execute(subnets.update().values(pool_end=f"{few}.4", pool_start=f"{few}.3"))

    answer = create(client, image_id, min_count=3)

    assert answer.status_code == 409
    assert "No more IP addresses" in answer.text
    assert listed(client) == []
    assert cloud.open_tasks() == 0


@pytest.mark.parametrize(
    ("quota", "each", "total"),
    [
        ({"instances": 5, "cores": -1, "ram_mb": -1}, 1, 5),
        ({"instances": -1, "cores": 3, "ram_mb": -1}, 1, 3),
        ({"instances": -1, "cores": -1, "ram_mb": 512 * 4}, 1, 4),
        ({"instances": 5, "cores": -1, "ram_mb": -1}, 2, 4),
    ],
)
def test_requests_that_race_for_the_last_of_the_quota_get_just_what_there_is(
    cloud: SmallCloud, image_id: str, quota: dict[str, int], each: int, total: int
) -> None:
    app = with_quota(cloud, **quota)
    callers = [let_in(cloud, app, "lab", "lab") for _ in range(8)]
    gate = threading.Barrier(len(callers))

    def race(caller: ApiClient) -> int:
        gate.wait()
        return create(caller, image_id, min_count=each).status_code

    with ThreadPoolExecutor(len(callers)) as pool:
        codes = list(pool.map(race, callers))

    assert sorted(codes) == [202] * (total // each) + [403] * (8 - total // each)
    assert len(listed(callers[0])) == total
    used = callers[0].get("/compute/v2.1/limits").get_json()["limits"]["absolute"]
    assert used["totalInstancesUsed"] == total
