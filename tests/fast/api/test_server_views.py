# SPDX-License-Identifier: Apache-2.0
"""Views of servers in states that a request alone does not lead to. Pure: values in, dicts out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.api.compute.server_views import Viewing, host_id, server_view
from agent.api.microversion import Microversion
from agent.model.server import Fault, Flavor, Server
from agent.model.states import TaskState, VmState

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def record(vm_state: VmState, **fields: Any) -> Server:
    return Server(
        id="6f70656e-7374-4163-8b20-342065766572",
        project_id="p",
        user_id="u",
        name="one",
        flavor=Flavor("1", "m1.tiny", 1, 512, 1),
        image_id="i",
        vm_state=vm_state,
        created_at=THEN,
        updated_at=THEN,
        **fields,
    )


def seen(version: str = "2.1", *, for_admin: bool = False) -> Viewing:
    return Viewing("http://c", Microversion.parse(version), for_admin)


@pytest.mark.parametrize(
    ("vm_state", "task_state", "status", "shows_progress"),
    [
        (VmState.BUILDING, TaskState.SPAWNING, "BUILD", True),
        (VmState.ACTIVE, None, "ACTIVE", True),
        (VmState.ACTIVE, TaskState.POWERING_OFF, "ACTIVE", True),
        (VmState.ACTIVE, TaskState.DELETING, "ACTIVE", True),
        (VmState.STOPPED, TaskState.POWERING_ON, "SHUTOFF", False),
        (VmState.ERROR, None, "ERROR", False),
        (VmState.ERROR, TaskState.DELETING, "ERROR", False),
    ],
)
def test_status_and_progress(
    vm_state: VmState, task_state: TaskState | None, status: str, shows_progress: bool
) -> None:
    view = server_view(record(vm_state, task_state=task_state), seen())

    assert view["status"] == status
    assert ("progress" in view) is shows_progress
    assert view["OS-EXT-STS:vm_state"] == vm_state.value
    assert view["OS-EXT-STS:task_state"] == (task_state.value if task_state else None)


@pytest.mark.parametrize(("task_state", "shown"), [(None, 100), (TaskState.DELETING, 0)])
def test_progress_is_that_of_what_is_being_done(task_state: TaskState | None, shown: int) -> None:
    server = record(VmState.ACTIVE, task_state=task_state, progress=100)

    assert server_view(server, seen())["progress"] == shown


def test_a_fault_is_shown_with_its_details_to_admins_only() -> None:
    server = record(VmState.ERROR, fault=Fault(500, "No room.", THEN, "the whole story"))

    fault = server_view(server, seen())["fault"]
    for_admin = server_view(server, seen(for_admin=True))["fault"]

    assert fault == {"code": 500, "created": "2026-01-02T03:04:05Z", "message": "No room."}
    assert for_admin == {**fault, "details": "the whole story"}


def test_a_fault_of_the_past_is_not_shown() -> None:
    server = record(VmState.ACTIVE, fault=Fault(500, "No room.", THEN))

    assert "fault" not in server_view(server, seen(for_admin=True))


def test_host_ids_of_two_projects_on_one_host_differ() -> None:
    assert host_id("a", "host") == "0fcdcfe16d2b0c4debc666bf4f97a9390a2895d8aebc1b7f47a35a70"
    assert host_id("a", "host") != host_id("b", "host")
    assert host_id("a", None) == ""
