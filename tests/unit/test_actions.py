# SPDX-License-Identifier: Apache-2.0
"""The table of actions, against a literal one typed from the reference."""

from __future__ import annotations

import itertools

import pytest

from agent.actions import ACTIONS, Interrupts, status
from agent.model.states import TaskState, VmState

ALLOWED_FROM = {
    "create": {"building"},
    "start": {"stopped"},
    "stop": {"active", "error"},
    "delete": None,
}

RESTING = {
    "active": "ACTIVE",
    "building": "BUILD",
    "stopped": "SHUTOFF",
    "paused": "PAUSED",
    "suspended": "SUSPENDED",
    "rescued": "RESCUE",
    "resized": "VERIFY_RESIZE",
    "error": "ERROR",
    "deleted": "DELETED",
}
"""None of the actions so far shows a status of its own, so a running task changes nothing."""


def test_each_action_is_allowed_from_just_these_states() -> None:
    assert {name: row.allowed_from for name, row in ACTIONS.items()} == ALLOWED_FROM


def test_only_a_delete_pushes_other_tasks_aside() -> None:
    pushing = {n for n, row in ACTIONS.items() if row.interrupts is Interrupts.EVERYTHING}

    assert pushing == {"delete"}


PAIRS = list(itertools.product(VmState, [None, *TaskState]))


@pytest.mark.parametrize(("vm_state", "task_state"), PAIRS)
def test_the_status_of_each_pair_of_states(vm_state: VmState, task_state: TaskState | None) -> None:
    assert status(vm_state, task_state) == RESTING[vm_state]


def test_every_task_state_belongs_to_one_action() -> None:
    owners = [state for row in ACTIONS.values() for state in row.task_states]

    assert sorted(owners) == sorted(TaskState)


def test_names_of_steps_are_unique_within_an_action() -> None:
    for row in ACTIONS.values():
        names = [step.name for step in row.workflow]
        assert len(set(names)) == len(names)


def test_progress_only_grows() -> None:
    for row in ACTIONS.values():
        progress = [step.progress for step in row.workflow if step.progress is not None]
        assert progress == sorted(progress)
        assert all(0 < percent < 100 for percent in progress)
