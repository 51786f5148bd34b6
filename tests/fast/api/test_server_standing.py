# SPDX-License-Identifier: Apache-2.0
"""What does not need the host: locks, a reset of the state; and what is said when it is away."""

from __future__ import annotations

import pytest

from tests.fast.api.conftest import ApiClient, create, make_server
from tests.fast.smallcloud import SmallCloud


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    return server_id


CHANGES = [
    {"os-stop": None},
    {"reboot": {"type": "HARD"}},
    {"pause": None},
    {"suspend": None},
    {"forceDelete": None},
]


@pytest.mark.parametrize("action", CHANGES, ids=lambda action: next(iter(action)))
def test_a_locked_server_refuses_its_owner(
    client: ApiClient, active: str, action: dict[str, object]
) -> None:
    locked = client.act(active, {"lock": None})
    answer = client.act(active, action)

    assert (locked.status_code, locked.data) == (202, b"")
    assert answer.status_code == 409
    assert answer.get_json()["conflictingRequest"]["message"] == f"Instance {active} is locked"
    assert client.show(active)["OS-EXT-STS:task_state"] is None


def test_a_locked_server_is_not_deleted(client: ApiClient, active: str) -> None:
    client.act(active, {"lock": None})

    assert client.delete(f"/compute/v2.1/servers/{active}").status_code == 409


def test_an_unlocked_server_obeys_again(client: ApiClient, active: str) -> None:
    for action in ({"lock": None}, {"unlock": None}, {"os-stop": None}):
        assert client.act(active, action).status_code == 202


def test_an_administrator_may_act_on_a_locked_server(
    client: ApiClient, admin_client: ApiClient, active: str
) -> None:
    client.act(active, {"lock": None})

    assert admin_client.act(active, {"os-stop": None}).status_code == 202


def test_an_administrators_lock_is_his_to_take_away(
    client: ApiClient, admin_client: ApiClient, active: str
) -> None:
    admin_client.act(active, {"lock": None})
    client.act(active, {"lock": None})
    refused = client.act(active, {"unlock": None})
    stopped = client.act(active, {"os-stop": None})
    taken = admin_client.act(active, {"unlock": None})

    assert refused.status_code == 403
    assert "an administrator has locked the server" in refused.get_json()["forbidden"]["message"]
    assert stopped.status_code == 409
    assert taken.status_code == 202
    assert client.act(active, {"os-stop": None}).status_code == 202


def test_a_lock_may_be_taken_while_something_runs_and_does_not_end_it(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    client.act(active, {"os-stop": None})
    locked = client.act(active, {"lock": {"locked_reason": None}})
    cloud.work()

    assert locked.status_code == 202
    assert client.show(active)["status"] == "SHUTOFF"


@pytest.mark.parametrize(("state", "status"), [("error", "ERROR"), ("active", "ACTIVE")])
def test_an_administrator_resets_a_state_and_what_runs_ends(
    cloud: SmallCloud,
    client: ApiClient,
    admin_client: ApiClient,
    active: str,
    state: str,
    status: str,
) -> None:
    client.act(active, {"os-stop": None})
    answer = admin_client.act(active, {"os-resetState": {"state": state}})
    shown = client.show(active)
    cloud.work()

    assert (answer.status_code, answer.data) == (202, b"")
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == (status, None)
    assert client.show(active)["status"] == status


def test_a_reset_to_active_is_no_lie_for_long(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, active: str
) -> None:
    cloud.domain(active).destroy()
    admin_client.act(active, {"os-resetState": {"state": "active"}})
    cloud.work()

    assert client.show(active)["status"] == "SHUTOFF"


def test_only_an_administrator_resets_a_state(client: ApiClient, active: str) -> None:
    answer = client.act(active, {"os-resetState": {"state": "error"}})

    assert answer.status_code == 403
    assert client.show(active)["status"] == "ACTIVE"


@pytest.mark.parametrize(
    "action", [{"lock": None}, {"unlock": None}, {"reboot": {"type": "soft"}}, {"suspend": None}]
)
def test_another_projects_server_is_404(
    other_client: ApiClient, active: str, action: dict[str, object]
) -> None:
    assert other_client.act(active, action).status_code == 404


def test_diagnostics_are_the_counters_of_libvirt(admin_client: ApiClient, active: str) -> None:
    answer = admin_client.get(f"/compute/v2.1/servers/{active}/diagnostics")

    assert answer.status_code == 200
    assert answer.get_json()["memory"] == 512 * 1024
    assert "cpu0_time" in answer.get_json()


def test_diagnostics_of_a_server_that_is_off_are_a_conflict(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, active: str
) -> None:
    client.act(active, {"os-stop": None})
    cloud.work()
    answer = admin_client.get(f"/compute/v2.1/servers/{active}/diagnostics")

    assert answer.status_code == 409
    assert "power state shutdown" in answer.get_json()["conflictingRequest"]["message"]


def test_diagnostics_are_for_administrators(client: ApiClient, active: str) -> None:
    assert client.get(f"/compute/v2.1/servers/{active}/diagnostics").status_code == 403


ASKED_OF_THE_HOST = [
    {"os-stop": None},
    {"reboot": {"type": "HARD"}},
    {"pause": None},
    {"suspend": None},
]


@pytest.mark.parametrize("action", ASKED_OF_THE_HOST, ids=lambda action: next(iter(action)))
def test_while_libvirt_is_away_actions_are_503_and_nothing_begins(
    cloud: SmallCloud, client: ApiClient, active: str, action: dict[str, object]
) -> None:
    cloud.parts.engine.on_lost("a test")
    answer = client.act(active, action)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "libvirt does not answer" in answer.get_json()["serviceUnavailable"]["message"]
    assert client.show(active)["OS-EXT-STS:task_state"] is None


def test_while_libvirt_is_away_no_server_is_created(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    cloud.parts.engine.on_lost("a test")

    assert create(client, image_id).status_code == 503
    assert client.get("/compute/v2.1/servers").get_json() == {"servers": []}


def test_while_libvirt_is_away_a_deletion_is_taken_and_done_later(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    cloud.parts.engine.on_lost("a test")
    taken = client.delete(f"/compute/v2.1/servers/{active}").status_code
    shown = client.show(active)
    cloud.parts.engine.on_connected()
    cloud.work()

    assert taken == 204
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("ACTIVE", "deleting")
    assert client.get(f"/compute/v2.1/servers/{active}").status_code == 404


def test_a_server_of_a_host_that_is_away_for_long_reads_unknown(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    seen = []
    cloud.parts.engine.on_lost("a test")
    for seconds in (0, 29, 1):
        cloud.clock.advance(seconds)
        cloud.parts.engine.on_lost("a test, again")
        seen.append(client.show(active)["status"])
    detail = client.get("/compute/v2.1/servers/detail").get_json()["servers"][0]["status"]
    cloud.parts.engine.on_connected()

    assert seen == ["ACTIVE", "ACTIVE", "UNKNOWN"]
    assert detail == "UNKNOWN"
    assert client.show(active)["status"] == "ACTIVE"
