# SPDX-License-Identifier: Apache-2.0
"""Kill the process at every point of every action; nothing may be lost or stuck.

Generated from the table of actions: each action, from each state it is allowed in, killed before
each step, after its effect, and just past its recording; and a delete that barges in at each of
these points, with and without the kill. What must come of it is typed here, not asked of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from agent.actions import ACTIONS
from agent.errors import HostFailed
from tests.fast.smallcloud import Crash, SmallCloud, everywhere
from tests.fast.test_lifecycle import break_host

MOMENTS = ("before", "after", "recorded")

REACHED = {"create": "active", "start": "active", "stop": "stopped", "delete": None}
"""Where each action must end; None is gone."""


def building(cloud: SmallCloud) -> str:
    return cloud.create()


def active(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "active")


def stopped(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "stopped")


def paused(cloud: SmallCloud) -> str:
    server_id = active(cloud)
    cloud.domain(server_id).suspend()
    cloud.settle_down()
    assert cloud.server(server_id).vm_state == "paused"
    return server_id


def suspended(cloud: SmallCloud) -> str:
    server_id = active(cloud)
    cloud.domain(server_id).managedSave()
    cloud.settle_down()
    assert cloud.server(server_id).vm_state == "suspended"
    return server_id


def error_with_domain(cloud: SmallCloud) -> str:
    return _failed_build(cloud, "start")


def error_without_domain(cloud: SmallCloud) -> str:
    return _failed_build(cloud, "define")


def _failed_build(cloud: SmallCloud, verb: str) -> str:
    healthy = cloud.wrap
    break_host(cloud, verb, HostFailed("the host says no"))
    server_id = cloud.create()
    cloud.work()
    assert cloud.server(server_id).vm_state == "error"
    cloud.wrap = healthy
    cloud.reboot()
    return server_id


Start = Callable[[SmallCloud], str]

STARTS: dict[str, tuple[Start, ...]] = {
    "create": (building,),
    "start": (stopped,),
    "stop": (active, error_with_domain),
    "delete": (
        building,
        active,
        stopped,
        paused,
        suspended,
        error_with_domain,
        error_without_domain,
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """An action, the state it starts from, and where it is hit."""

    action: str
    start: Start
    point: str

    def __str__(self) -> str:
        return f"{self.start.__name__}-{self.point.replace('/', '-')}"


def points(action: str) -> list[str]:
    steps = [f"{action}/{s.name}/{m}" for s in ACTIONS[action].workflow for m in MOMENTS]
    return [*steps, f"{action}/finish/before", f"{action}/finish/recorded"]


CASES = [
    Case(action, start, point)
    for action, starts in STARTS.items()
    for start in starts
    for point in points(action)
]
INTERRUPTED = [case for case in CASES if case.action != "delete"]


class Strike:
    """The hook: does its worst when the point comes, once."""

    def __init__(self, point: str, worst: Callable[[], None]) -> None:
        self._point, self._worst = point, worst
        self.struck = False

    def __call__(self, point: str) -> None:
        if point == self._point and not self.struck:
            self.struck = True
            self._worst()


def run_into(cloud: SmallCloud, case: Case, worst: Callable[[str], None]) -> str:
    """Begin the action and run it into the blow; the server's id."""
    server_id = case.start(cloud)
    strike = Strike(case.point, lambda: worst(server_id))
    cloud.reboot(strike)
    if case.action != "create":
        cloud.act(server_id, case.action)
    try:
        cloud.work()
    except Crash:
        cloud.reboot()
    assert strike.struck
    return server_id


def crash(server_id: str = "") -> None:
    raise Crash


def assert_in_order(cloud: SmallCloud, server_id: str, vm_state: str | None) -> None:
    """The server is where it must be, nothing is open, and all places agree."""
    server = cloud.find(server_id)
    assert (server.vm_state if server else None) == vm_state
    assert server is None or server.task_state is None
    assert cloud.open_tasks() == 0
    assert cloud.inventory() == (everywhere() if vm_state is None else everywhere(server_id))


def test_the_matrix_is_whole() -> None:
    assert set(STARTS) == set(ACTIONS)
    assert len(set(map(str, CASES))) == len(CASES) == 151


@pytest.mark.parametrize("case", CASES, ids=str)
def test_killed_at_any_point_the_action_ends_as_it_should(cloud: SmallCloud, case: Case) -> None:
    server_id = run_into(cloud, case, crash)
    cloud.settle_down()

    assert_in_order(cloud, server_id, REACHED[case.action])


@pytest.mark.parametrize("case", INTERRUPTED, ids=str)
@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed"])
def test_a_delete_at_any_point_of_another_action_wins(
    cloud: SmallCloud, case: Case, killed: bool
) -> None:
    def barge_in(server_id: str) -> None:
        cloud.act(server_id, "delete")
        if killed:
            raise Crash

    server_id = run_into(cloud, case, barge_in)
    cloud.settle_down()

    assert_in_order(cloud, server_id, None)


UNDONE = ["define", "config_drive", "disk", "base", "reserve"]


@pytest.mark.parametrize("step", UNDONE)
@pytest.mark.parametrize("moment", ["undo-before", "undo-recorded"])
def test_killed_while_a_failed_build_is_undone_it_is_undone_all_the_same(
    cloud: SmallCloud, step: str, moment: str
) -> None:
    break_host(cloud, "define", HostFailed("the host says no"))
    server_id = run_into(cloud, Case("create", building, f"create/{step}/{moment}"), crash)
    cloud.settle_down()

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state) == ("error", None)
    assert server.fault is not None
    assert server.fault.message == "the host says no"
    assert cloud.inventory() == {**everywhere(), "database": {server_id}}
