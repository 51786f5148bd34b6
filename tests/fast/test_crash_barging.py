# SPDX-License-Identifier: Apache-2.0
"""Others barge in at every point of every action, with and without a kill at the same instant."""

from __future__ import annotations

import pytest

from agent.actions import ACTIONS
from tests.fast.crashes import CASES, Case, Worst, assert_in_order, run_into
from tests.fast.smallcloud import Crash, SmallCloud
from tests.fast.starts import Starts

UNFINISHED = [case for case in CASES if not case.point.endswith("finish/recorded")]
DELETED = [case for case in CASES if case.action != "delete"]
REBOOTED = [
    case
    for case in UNFINISHED
    if case.action
    in {"reboot", "reboot_hard", "pause", "unpause", "suspend", "resume", "changePassword"}
]
RESET = [case for case in UNFINISHED if case.action != "delete"]


def is_always_hit(case: Case, killed: bool) -> bool:
    """Whether a case is hit in each run: the others, which differ little, with `--faults` only.

    Just past a step's record is where the next one begins, and a kill as well does most harm where
    an effect is there and not yet on record.
    """
    step, moment = case.point.rsplit("/", 1)
    if killed:
        return moment == "after"
    return moment != "recorded" or step.endswith("/finish")


def hits(cases: list[Case]) -> pytest.MarkDecorator:
    """Each case with and without a kill at the same instant."""
    params = [
        pytest.param(
            *(case, killed),
            id=f"{'killed' if killed else 'alive'}-{case}",
            marks=() if is_always_hit(case, killed) else pytest.mark.faults,
        )
        for killed in (False, True)
        for case in cases
    ]
    return pytest.mark.parametrize(("case", "killed"), params)


def barging(killed: bool, act: Worst) -> Worst:
    """Do something to the server at the worst moment, and perhaps die of it."""

    def barge_in(cloud: SmallCloud, server_id: str) -> None:
        act(cloud, server_id)
        if killed:
            raise Crash

    return barge_in


def test_the_counts() -> None:
    assert (len(DELETED), len(REBOOTED), len(RESET)) == (883, 196, 836)


@hits(DELETED)
def test_a_delete_at_any_point_of_another_action_wins(
    starts: Starts, case: Case, killed: bool
) -> None:
    act = barging(killed, lambda cloud, server_id: cloud.act(server_id, "delete"))
    cloud, server_id = run_into(starts, case, act)
    cloud.settle_down()

    assert_in_order(cloud, server_id, None)


@hits(REBOOTED)
def test_a_hard_reboot_at_any_point_of_what_may_be_stuck_wins(
    starts: Starts, case: Case, killed: bool
) -> None:
    act = barging(killed, lambda cloud, server_id: cloud.act(server_id, "reboot_hard"))
    cloud, server_id = run_into(starts, case, act)
    cloud.settle_down()

    assert_in_order(cloud, server_id, "active")
    tasks = cloud.parts.store.servers.list_tasks(server_id)
    assert (tasks[0].action, tasks[0].error) == ("reboot_hard", None)
    assert tasks[1].action == case.action
    assert tasks[1].error == "interrupted by reboot_hard"


@hits(RESET)
def test_a_reset_at_any_point_ends_the_action_and_a_delete_then_takes_all_of_it(
    starts: Starts, case: Case, killed: bool
) -> None:
    act = barging(killed, lambda cloud, server_id: cloud.reset_state(server_id, "error"))
    cloud, server_id = run_into(starts, case, act)
    cloud.settle_down()
    server = cloud.server(server_id)
    left_open = cloud.open_tasks()
    cloud.act(server_id, "delete")
    cloud.settle_down()

    assert (server.vm_state, server.task_state, left_open) == ("error", None, 0)
    assert_in_order(cloud, server_id, None)


def test_what_barges_in_is_what_the_table_says() -> None:
    assert {name for name, row in ACTIONS.items() if row.interrupts} == {
        "reboot_hard",
        "resetState",
        "delete",
    }
