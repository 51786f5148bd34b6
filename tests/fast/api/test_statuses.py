# SPDX-License-Identifier: Apache-2.0
"""Every status of the standard is reached and left in the right way, as the API shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent.errors import HostFailed
from agent.model.states import Status
from tests.fast.api.conftest import ApiClient, let_in, make_server
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud
from tests.fast.test_lifecycle import break_host

Body = dict[str, Any]

HARD: Body = {"reboot": {"type": "HARD"}}
SOFT: Body = {"reboot": {"type": "SOFT"}}
RESIZE: Body = {"resize": {"flavorRef": "2"}}
PASSWORD: Body = {"changePassword": {"adminPass": "another"}}

MEANWHILE: list[tuple[str, Body, str]] = [
    ("REBOOT", SOFT, "ACTIVE"),
    ("HARD_REBOOT", HARD, "ACTIVE"),
    ("RESIZE", RESIZE, "VERIFY_RESIZE"),
    ("REBUILD", {"rebuild": {"imageRef": "IMAGE"}}, "ACTIVE"),
]
"""What an active server shows while an action runs, and when it is done."""

RESTING: list[tuple[str, list[Body], Body, str]] = [
    ("SHUTOFF", [{"os-stop": None}], {"os-start": None}, "ACTIVE"),
    ("PAUSED", [{"pause": None}], {"unpause": None}, "ACTIVE"),
    ("SUSPENDED", [{"suspend": None}], {"resume": None}, "ACTIVE"),
    ("RESCUE", [{"rescue": None}], {"unrescue": None}, "ACTIVE"),
    ("SHELVED_OFFLOADED", [{"shelve": None}], {"unshelve": None}, "ACTIVE"),
    ("VERIFY_RESIZE", [RESIZE], {"confirmResize": None}, "ACTIVE"),
    ("VERIFY_RESIZE", [{"os-stop": None}, RESIZE], {"revertResize": None}, "SHUTOFF"),
]
"""Where actions bring an active server to rest, and where one more brings it from there."""

ELSEWHERE = {
    "ACTIVE": "all of these begin with it",
    "BUILD": "test_a_build",
    "DELETED": "test_a_deleted_server",
    "ERROR": "test_an_error",
    "PASSWORD": "test_a_new_password",
    "REVERT_RESIZE": "test_a_reverted_resize",
    "SHELVED": "test_a_shelved_server",
    "UNKNOWN": "test_an_unknown_host",
}
"""Those that take a test of their own."""


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    assert client.show(server_id)["status"] == "ACTIVE"
    return server_id


def test_no_status_is_left_out() -> None:
    tested = {row[0] for row in MEANWHILE} | {row[0] for row in RESTING} | set(ELSEWHERE)

    assert tested == {status.value for status in Status}


@pytest.mark.parametrize(("status", "action", "end"), MEANWHILE, ids=lambda value: str(value)[:20])
def test_while_it_is_done_and_after_it(
    cloud: SmallCloud,
    client: ApiClient,
    active: str,
    image_id: str,
    status: str,
    action: Body,
    end: str,
) -> None:
    if "rebuild" in action:
        action = {"rebuild": {"imageRef": image_id}}
    assert client.act(active, action).status_code == 202
    meanwhile = client.show(active)["status"]
    cloud.settle_down()

    assert (meanwhile, client.show(active)["status"]) == (status, end)


@pytest.mark.parametrize(
    ("status", "there", "back", "end"), RESTING, ids=lambda value: str(value)[:20]
)
def test_at_rest_and_from_there(
    cloud: SmallCloud,
    client: ApiClient,
    active: str,
    status: str,
    there: list[Body],
    back: Body,
    end: str,
) -> None:
    for action in there:
        assert client.act(active, action).status_code in {200, 202}
        cloud.settle_down()
    at_rest = client.show(active)["status"]
    answer = client.act(active, back)
    cloud.settle_down()

    assert answer.status_code == (204 if "confirmResize" in back else 202)
    assert (at_rest, client.show(active)["status"]) == (status, end)


def test_a_build(cloud: SmallCloud, client: ApiClient, image_id: str) -> None:
    server_id = make_server(client, image_id)
    building = client.show(server_id)["status"]
    cloud.work()

    assert (building, client.show(server_id)["status"]) == ("BUILD", "ACTIVE")


def test_an_error(cloud: SmallCloud, image_id: str) -> None:
    break_host(cloud, "start", HostFailed("no memory"), times=1)
    client = let_in(cloud, build_app(cloud), "lab", "lab")
    server_id = make_server(client, image_id)
    cloud.work()
    failed = client.show(server_id)
    client.act(server_id, HARD)
    cloud.work()

    assert (failed["status"], failed["fault"]["message"]) == ("ERROR", "no memory")
    assert client.show(server_id)["status"] == "ACTIVE"


def test_a_reverted_resize(cloud: SmallCloud, client: ApiClient, active: str) -> None:
    client.act(active, RESIZE)
    cloud.settle_down()
    client.act(active, {"revertResize": None})
    meanwhile = client.show(active)["status"]
    cloud.settle_down()

    assert (meanwhile, client.show(active)["status"]) == ("REVERT_RESIZE", "ACTIVE")


def test_a_shelved_server(cloud: SmallCloud, image_id: str) -> None:
    """One that keeps its place for a while."""
    cloud.config = replace(cloud.config, shelved_offload_after=3600)
    cloud.reboot()
    client = let_in(cloud, build_app(cloud), "lab", "lab")
    server_id = make_server(client, image_id)
    seen = []
    for action in ("shelve", "unshelve"):
        cloud.work()
        assert client.act(server_id, {action: None}).status_code == 202
        cloud.work()
        seen.append(client.show(server_id)["status"])

    assert seen == ["SHELVED", "ACTIVE"]


def test_a_new_password(cloud: SmallCloud, client: ApiClient, active: str) -> None:
    """Its request would wait for the guest, but that the engine of these tests works later."""
    answer = client.act(active, PASSWORD)
    seen = [client.show(active)["status"]]
    cloud.work()

    assert answer.status_code == 202
    assert (seen, client.show(active)["status"]) == (["PASSWORD"], "ACTIVE")


def test_a_deleted_server(
    cloud: SmallCloud, client: ApiClient, speak: Callable[[str], ApiClient], active: str
) -> None:
    client.delete(f"/compute/v2.1/servers/{active}")
    leaving = client.show(active)["status"]
    cloud.work()
    since = "changes-since=2000-01-01T00:00:00Z"
    listed = speak("2.1").get(f"/compute/v2.1/servers/detail?{since}").get_json()["servers"]

    assert leaving == "ACTIVE"
    assert [(each["id"], each["status"]) for each in listed] == [(active, "DELETED")]


def test_an_unknown_host(cloud: SmallCloud, client: ApiClient, active: str) -> None:
    cloud.parts.engine.on_lost("libvirt is gone")
    cloud.clock.advance(31)
    lost = client.show(active)["status"]
    cloud.settle_down()

    assert (lost, client.show(active)["status"]) == ("UNKNOWN", "ACTIVE")
