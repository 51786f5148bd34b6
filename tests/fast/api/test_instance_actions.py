# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/os-instance-actions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.api.compute.instance_actions import events_view, instance_action_view
from agent.api.microversion import MINIMUM
from agent.model.task import StepRecord, Task
from tests.fast.api.conftest import ApiClient, At, make_server
from tests.fast.smallcloud import SmallCloud

SERVERS = "/compute/v2.1/servers"
THEN = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return THEN + timedelta(seconds=seconds)


def make_task(**fields: Any) -> Task:
    return Task(
        **{
            "id": 7,
            "request_id": "req-1",
            "server_id": "server",
            "action": "stop",
            "user_id": "ann",
            "project_id": "blue",
            "args": {},
            "started_at": THEN,
            "deadline_at": later(60),
            **fields,
        }
    )


def path_of(server_id: str, *request_id: str) -> str:
    return "/".join([SERVERS, server_id, "os-instance-actions", *request_id])


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    return server_id


def test_actions_are_listed_newest_first_under_the_requests_that_began_them(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, active: str
) -> None:
    cloud.clock.advance(2.5)
    answer = admin_client.act(active, {"os-stop": None})
    created, caller = cloud.server(active), cloud.asking.caller

    listed = client.get(path_of(active)).get_json()["instanceActions"]

    admin = cloud.parts.store.identity.find_user("admin")
    assert admin is not None
    assert listed == [
        {
            "action": "stop",
            "instance_uuid": active,
            "message": None,
            "project_id": admin.default_project_id,
            "request_id": answer.headers["x-openstack-request-id"],
            "start_time": "2026-01-01T00:00:02.500000",
            "user_id": admin.id,
        },
        {
            "action": "create",
            "instance_uuid": active,
            "message": None,
            "project_id": created.project_id,
            "request_id": listed[1]["request_id"],
            "start_time": "2026-01-01T00:00:00.000000",
            "user_id": caller.user.id,
        },
    ]


@pytest.mark.parametrize("who", ["user", "admin"])
def test_one_action_is_shown_with_its_steps(
    client: ApiClient, admin_client: ApiClient, active: str, who: str
) -> None:
    (listed,) = client.get(path_of(active)).get_json()["instanceActions"]
    asking = {"user": client, "admin": admin_client}[who]

    action = asking.get(path_of(active, listed["request_id"])).get_json()["instanceAction"]

    events = action.pop("events")
    assert action == listed
    assert all(("traceback" in event) is (who == "admin") for event in events)
    assert [event["event"] for event in events] == [
        "compute_start",
        "compute_define",
        "compute_config_drive",
        "compute_disk",
        "compute_base",
        "compute_reserve",
        "compute_place",
    ]
    assert {event["result"] for event in events} == {"Success"}


def test_users_see_why_an_action_failed(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)
    cloud.clock.advance(601)
    cloud.work()

    (listed,) = client.get(path_of(server_id)).get_json()["instanceActions"]

    assert listed["message"] == "It did not finish within 600 seconds."


def test_an_unknown_request_is_404(client: ApiClient, active: str) -> None:
    answer = client.get(path_of(active, "req-none"))

    assert answer.status_code == 404
    assert answer.get_json()["itemNotFound"]["message"] == "Action req-none not found"


def test_a_request_about_another_server_is_404(
    client: ApiClient, image_id: str, active: str
) -> None:
    (listed,) = client.get(path_of(active)).get_json()["instanceActions"]
    other = make_server(client, image_id)

    assert client.get(path_of(other, listed["request_id"])).status_code == 404


def test_only_its_project_sees_a_servers_actions(
    client: ApiClient, other_client: ApiClient, reader_client: ApiClient, active: str
) -> None:
    (listed,) = reader_client.get(path_of(active)).get_json()["instanceActions"]

    assert other_client.get(path_of(active)).status_code == 404
    assert other_client.get(path_of(active, listed["request_id"])).status_code == 404


def test_a_deleted_servers_actions_are_404(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    client.delete(f"{SERVERS}/{active}")
    cloud.settle_down()

    assert client.get(path_of(active)).status_code == 404


# The versions.


def test_a_deleted_servers_actions_are_shown_from_2_21(
    cloud: SmallCloud, at: At, client: ApiClient, other_client: ApiClient, active: str
) -> None:
    cloud.clock.advance(1)
    client.delete(f"{SERVERS}/{active}")
    cloud.settle_down()
    path = f"/servers/{active}/os-instance-actions"

    shown = at("2.21").get(path)["instanceActions"]

    assert [action["action"] for action in shown] == ["delete", "create"]
    one = at("2.21").get(f"{path}/{shown[0]['request_id']}")["instanceAction"]
    assert one["action"] == "delete"
    assert at("2.20").ask("GET", path).status_code == 404
    project = cloud.parts.store.identity.find_project("other")
    assert project is not None
    stranger = at("2.21", "other")
    assert stranger.ask("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("version", "who", "action", "event"),
    [
        ("2.1", "lab", set[str](), set[str]()),
        ("2.51", "lab", set[str](), set[str]()),
        ("2.51", "admin", set[str](), {"traceback"}),
        ("2.58", "lab", {"updated_at"}, set[str]()),
        ("2.62", "lab", {"updated_at"}, {"hostId"}),
        ("2.62", "admin", {"updated_at"}, {"hostId", "host", "traceback"}),
        ("2.84", "lab", {"updated_at"}, {"hostId"}),
        ("2.84", "admin", {"updated_at"}, {"hostId", "host", "traceback", "details"}),
    ],
)
def test_each_version_shows_its_fields(
    at: At, active: str, version: str, who: str, action: set[str], event: set[str]
) -> None:
    core = {"action", "instance_uuid", "message", "project_id", "request_id", "start_time"}
    path = f"/servers/{active}/os-instance-actions"

    (listed,) = at(version, who).get(path)["instanceActions"]
    shown = at(version, who).get(f"{path}/{listed['request_id']}")["instanceAction"]

    assert listed.keys() == core | {"user_id"} | action
    assert shown.keys() == listed.keys() | {"events"}
    names = {"event", "start_time", "finish_time", "result"} | event
    assert all(each.keys() == names for each in shown["events"])


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("", ["start", "stop", "create"]),
        ("?limit=2", ["start", "stop"]),
        ("?limit=0", []),
        ("?changes-since=2026-01-01T00:00:10Z", ["start", "stop"]),
        ("?changes-since=2026-01-01T01:00:20%2B01:00", ["start"]),
        ("?changes-before=2026-01-01T00:00:10", ["stop", "create"]),
        ("?changes-since=2026-01-01T00:00:05Z&changes-before=2026-01-01T00:00:10Z", ["stop"]),
    ],
)
def test_actions_are_listed_in_pages_and_by_their_changes(
    cloud: SmallCloud, at: At, active: str, query: str, actions: list[str]
) -> None:
    for action in ("stop", "start"):
        cloud.clock.advance(10)
        body = {f"os-{action}": None}
        assert at("2.1").ask("POST", f"/servers/{active}/action", body).status_code == 202
        cloud.work()
    path = f"/servers/{active}/os-instance-actions"

    found = at("2.66").get(f"{path}{query}")

    assert [action["action"] for action in found["instanceActions"]] == actions
    if query != "?limit=2":
        assert "links" not in found
        return
    (link,) = found["links"]
    last = found["instanceActions"][1]["request_id"]
    assert link["rel"] == "next"
    assert link["href"].endswith(f"{path}?limit=2&marker={last}")
    rest = at("2.66").get(f"{path}?limit=2&marker={last}")
    assert [action["action"] for action in rest["instanceActions"]] == ["create"]


@pytest.mark.parametrize(
    ("version", "query", "code"),
    [
        ("2.57", "limit=x&colour=blue", 200),
        ("2.58", "colour=blue", 400),
        ("2.58", "changes-before=2026-01-01T00:00:00Z", 400),
        ("2.58", "changes-since=yesterday", 400),
        ("2.58", "limit=1&limit=2", 400),
        ("2.58", "limit=-1", 400),
        ("2.58", "marker=req-none", 400),
        ("2.66", "changes-since=2026-01-02T00:00:00Z&changes-before=2026-01-01T00:00:00Z", 400),
    ],
)
def test_a_bad_query_is_400(at: At, active: str, version: str, query: str, code: int) -> None:
    path = f"/servers/{active}/os-instance-actions?{query}"

    assert at(version).ask("GET", path).status_code == code


# The views.


def test_a_step_begins_where_the_one_before_ended() -> None:
    task = make_task(
        steps=(StepRecord("press", later(1)), StepRecord("shut_down", later(61.5))),
        finished_at=later(62),
    )

    assert events_view(task, MINIMUM, None, for_admin=True) == [
        {
            "event": "compute_shut_down",
            "start_time": "2026-01-02T03:04:06.000678",
            "finish_time": "2026-01-02T03:05:06.500678",
            "result": "Success",
            "traceback": None,
        },
        {
            "event": "compute_press",
            "start_time": "2026-01-02T03:04:05.000678",
            "finish_time": "2026-01-02T03:04:06.000678",
            "result": "Success",
            "traceback": None,
        },
    ]


@pytest.mark.parametrize(
    ("finished_at", "shown"), [(later(9), "2026-01-02T03:04:14.000678"), (None, None)]
)
def test_a_failure_is_the_last_event_also_while_it_is_being_undone(
    finished_at: datetime | None, shown: str | None
) -> None:
    task = make_task(
        steps=(StepRecord("press", later(1)),), error="the host says no", finished_at=finished_at
    )

    failure, _ = events_view(task, MINIMUM, None, for_admin=True)

    assert failure == {
        "event": "compute_stop",
        "start_time": "2026-01-02T03:04:06.000678",
        "finish_time": shown,
        "result": "Error",
        "traceback": "the host says no",
    }
    assert instance_action_view(task, MINIMUM)["message"] == "the host says no"


def test_an_action_that_has_just_begun_has_no_events() -> None:
    assert events_view(make_task(), MINIMUM, None, for_admin=True) == []
