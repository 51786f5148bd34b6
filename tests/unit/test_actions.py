# SPDX-License-Identifier: Apache-2.0
"""The table of actions, against a literal one typed from the reference."""

from __future__ import annotations

import itertools

import pytest

from agent.actions import ACTIONS, status
from agent.model.states import TaskState, VmState

ALLOWED_FROM = {
    "create": {"building"},
    "start": {"stopped"},
    "stop": {"active", "error"},
    "reboot": {"active"},
    "reboot_hard": {"active", "stopped", "paused", "suspended", "error"},
    "pause": {"active"},
    "unpause": {"paused"},
    "suspend": {"active"},
    "resume": {"suspended"},
    "changePassword": {"active", "error"},
    "attach_interface": {"active", "paused", "stopped"},
    "detach_interface": {"active", "paused", "stopped"},
    "rebuild": {"active", "stopped", "error"},
    "resize": {"active", "stopped"},
    "confirmResize": {"resized"},
    "revertResize": {"resized"},
    "rescue": {"active", "stopped", "error"},
    "unrescue": {"rescued"},
    "trigger_crash_dump": {"active", "paused", "rescued", "resized", "error"},
    "createImage": {"active", "stopped", "paused", "suspended"},
    "createBackup": {"active", "stopped", "paused", "suspended"},
    "shelve": {"active", "stopped", "paused", "suspended"},
    "shelveOffload": {"shelved"},
    "unshelve": {"shelved", "shelved_offloaded"},
    "lock": None,
    "unlock": None,
    "resetState": None,
    "delete": None,
}
"""From which vm_states each action may begin; None is any. Typed from the API's reference."""

EVERY_TASK = {
    "scheduling",
    "networking",
    "spawning",
    "powering-on",
    "powering-off",
    "rebooting",
    "rebooting_hard",
    "pausing",
    "unpausing",
    "suspending",
    "resuming",
    "updating_password",
    "rebuilding",
    "rebuild_spawning",
    "resize_prep",
    "resize_migrating",
    "resize_migrated",
    "resize_finish",
    "resize_confirming",
    "resize_reverting",
    "rescuing",
    "unrescuing",
    "crash_dumping",
    "deleting",
    "attaching_interface",
    "detaching_interface",
    "image_snapshot_pending",
    "image_backup",
    "image_snapshot",
    "image_pending_upload",
    "image_uploading",
    "shelving",
    "shelving_image_pending_upload",
    "shelving_image_uploading",
    "shelving_offloading",
    "unshelving",
}
INTERRUPTS = {
    "reboot_hard": {
        "rebooting",
        "rebooting_hard",
        "pausing",
        "unpausing",
        "suspending",
        "resuming",
        "updating_password",
    },
    "resetState": EVERY_TASK,
    "delete": EVERY_TASK,
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
    "shelved": "SHELVED",
    "shelved_offloaded": "SHELVED_OFFLOADED",
}
SHOWN_MEANWHILE = {
    ("active", "rebooting"): "REBOOT",
    ("active", "rebooting_hard"): "HARD_REBOOT",
    ("active", "updating_password"): "PASSWORD",
    ("active", "rebuilding"): "REBUILD",
    ("active", "rebuild_spawning"): "REBUILD",
    ("stopped", "rebuilding"): "REBUILD",
    ("stopped", "rebuild_spawning"): "REBUILD",
    ("error", "rebuilding"): "REBUILD",
    ("error", "rebuild_spawning"): "REBUILD",
    ("active", "resize_prep"): "RESIZE",
    ("active", "resize_migrating"): "RESIZE",
    ("active", "resize_migrated"): "RESIZE",
    ("active", "resize_finish"): "RESIZE",
    ("stopped", "resize_prep"): "RESIZE",
    ("stopped", "resize_migrating"): "RESIZE",
    ("stopped", "resize_migrated"): "RESIZE",
    ("stopped", "resize_finish"): "RESIZE",
    ("active", "resize_reverting"): "REVERT_RESIZE",
    ("stopped", "resize_reverting"): "REVERT_RESIZE",
    ("resized", "resize_reverting"): "REVERT_RESIZE",
}
"""Where a running task shows another status than the rest would."""


def test_each_action_is_allowed_from_just_these_states() -> None:
    assert {name: row.allowed_from for name, row in ACTIONS.items()} == ALLOWED_FROM


def test_only_these_actions_push_other_tasks_aside_and_only_these() -> None:
    pushing = {name: row.interrupts for name, row in ACTIONS.items() if row.interrupts}

    assert pushing == INTERRUPTS
    assert set(TaskState) == EVERY_TASK


PAIRS = list(itertools.product(VmState, [None, *TaskState]))


@pytest.mark.parametrize(("vm_state", "task_state"), PAIRS)
def test_the_status_of_each_pair_of_states(vm_state: VmState, task_state: TaskState | None) -> None:
    pair = (vm_state.value, task_state.value if task_state else "")

    assert status(vm_state, task_state) == SHOWN_MEANWHILE.get(pair, RESTING[vm_state])


@pytest.mark.parametrize(("vm_state", "task_state"), PAIRS)
def test_the_status_while_the_host_is_unknown(
    vm_state: VmState, task_state: TaskState | None
) -> None:
    """A deletion must show no other word than before: clients take it for a failure."""
    stays = vm_state in {"building", "error", "deleted"} or task_state == "deleting"
    shown = status(vm_state, task_state, is_host_known=False)

    known = SHOWN_MEANWHILE.get((vm_state.value, str(task_state)), RESTING[vm_state])
    assert shown == (known if stays else "UNKNOWN")


def test_only_a_new_password_mends_a_refused_one() -> None:
    mending = {name for name, row in ACTIONS.items() if row.mends}
    mended = {step.mended_by for row in ACTIONS.values() for step in row.workflow} - {""}

    assert mending == mended == {"changePassword"}


SHARED = {
    "spawning": {"create", "unshelve"},
    "image_snapshot": {"createImage", "createBackup"},
    "image_pending_upload": {"createImage", "createBackup"},
    "image_uploading": {"createImage", "createBackup"},
    "shelving_offloading": {"shelve", "shelveOffload"},
}
"""Task states that several actions show. None of these but create has a status of its own."""


def test_every_other_task_state_belongs_to_one_action() -> None:
    owners = {
        state.value: {row.name for row in ACTIONS.values() if state in row.task_states}
        for state in TaskState
    }

    assert {state: names for state, names in owners.items() if len(names) != 1} == SHARED
    assert {row.name: row.undo_task_state for row in ACTIONS.values() if row.undo_task_state} == {
        "resize": "resize_reverting"
    }


def test_names_of_steps_are_unique_within_an_action() -> None:
    for row in ACTIONS.values():
        names = [step.name for step in row.workflow]
        assert len(set(names)) == len(names)


def test_progress_only_grows() -> None:
    for row in ACTIONS.values():
        progress = [step.progress for step in row.workflow if step.progress is not None]
        assert progress == sorted(progress)
        assert all(0 < percent < 100 for percent in progress)
