# SPDX-License-Identifier: Apache-2.0
"""THE TABLE: every action, from where it is allowed, what it shows, does, and ends in.

The API's 409s, the engine, the status that users read, `os-instance-actions` and the generated
tests all read these rows; there is no second map anywhere.

`status(server)` is the running action's transient status, if its row has one and the server's
vm_state is in its `status_from`; else the resting status of vm_state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from agent.model.states import RESTING_STATUS, Status, TaskState, VmState
from agent.model.task import Task
from agent.workflows.capture import CREATE_BACKUP, CREATE_IMAGE
from agent.workflows.crashdump import CRASH_DUMP
from agent.workflows.create import CREATE
from agent.workflows.delete import DELETE
from agent.workflows.interface import ATTACH, DETACH
from agent.workflows.password import CHANGE_PASSWORD
from agent.workflows.pause import PAUSE, RESUME, SUSPEND, UNPAUSE
from agent.workflows.power import START, STOP
from agent.workflows.reboot import REBOOT_HARD, REBOOT_SOFT
from agent.workflows.rebuild import REBUILD
from agent.workflows.rescue import RESCUE, UNRESCUE
from agent.workflows.resize import CONFIRM_RESIZE, RESIZE, REVERT_RESIZE
from agent.workflows.shelve import OFFLOAD, SHELVE, UNSHELVE, end_of_shelving
from agent.workflows.step import Workflow


class OnFailure(Enum):
    """What becomes of a server whose action failed."""

    FAULT = "error + fault"
    AS_BEFORE = "as before"
    RETRY = "retried"
    NEVER = "–"


EVERYTHING = frozenset(TaskState)


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the table."""

    name: str  # of the row: what a task is recorded under
    allowed_from: frozenset[VmState] | None  # None: from anywhere
    task_state: TaskState | None = None  # when it begins; its steps may name others
    workflow: Workflow = ()  # empty: it is done with its request
    end: VmState | None = None  # None: the request or a step says, or nothing changes
    end_of: Callable[[Task], VmState] | None = None  # the end, by what is on record
    on_failure: OnFailure = OnFailure.NEVER
    undo_task_state: TaskState | None = None  # while a failure is undone; None: as it was
    deadline_s: float = 0
    interrupts: frozenset[TaskState] = frozenset()  # running tasks that it pushes aside
    status_meanwhile: Status | None = None
    status_from: frozenset[VmState] = frozenset()
    shown_as: str = ""  # in `os-instance-actions` and in a 409; else the name
    mends: bool = False  # from ERROR only where the fault says that this action mends it
    any_task: bool = False  # also beside a running task, which goes on

    @property
    def label(self) -> str:
        """What users know the action as."""
        return self.shown_as or self.name

    @property
    def task_states(self) -> frozenset[TaskState]:
        """All task states that a server may show while this action runs."""
        of_steps = {step.task_state for step in self.workflow}
        return frozenset(state for state in (self.task_state, *of_steps) if state)


def _from(*states: VmState) -> frozenset[VmState]:
    return frozenset(states)


HAS_DISK = _from(VmState.ACTIVE, VmState.STOPPED, VmState.PAUSED, VmState.SUSPENDED)
"""Where a server's disk is whole, and its own."""

_ROWS = (
    Action(
        name="create",
        allowed_from=_from(VmState.BUILDING),
        task_state=TaskState.SCHEDULING,
        workflow=CREATE,
        end=VmState.ACTIVE,
        on_failure=OnFailure.FAULT,
        deadline_s=600,
        status_meanwhile=Status.BUILD,
        status_from=_from(VmState.BUILDING),
    ),
    Action(
        name="start",
        allowed_from=_from(VmState.STOPPED),
        task_state=TaskState.POWERING_ON,
        workflow=START,
        end=VmState.ACTIVE,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=120,
    ),
    Action(
        name="stop",
        allowed_from=_from(VmState.ACTIVE, VmState.ERROR),
        task_state=TaskState.POWERING_OFF,
        workflow=STOP,
        end=VmState.STOPPED,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=120,
    ),
    Action(
        name="reboot",
        allowed_from=_from(VmState.ACTIVE),
        task_state=TaskState.REBOOTING,
        workflow=REBOOT_SOFT,
        end=VmState.ACTIVE,
        on_failure=OnFailure.FAULT,
        deadline_s=240,  # two minutes for the guest, then as long as a hard one
        status_meanwhile=Status.REBOOT,
        status_from=_from(VmState.ACTIVE),
    ),
    Action(
        name="reboot_hard",
        shown_as="reboot",
        allowed_from=_from(
            VmState.ACTIVE, VmState.STOPPED, VmState.PAUSED, VmState.SUSPENDED, VmState.ERROR
        ),
        task_state=TaskState.REBOOTING_HARD,
        workflow=REBOOT_HARD,
        end=VmState.ACTIVE,
        on_failure=OnFailure.FAULT,
        deadline_s=120,
        interrupts=frozenset(
            {
                TaskState.REBOOTING,
                TaskState.REBOOTING_HARD,
                TaskState.PAUSING,
                TaskState.UNPAUSING,
                TaskState.SUSPENDING,
                TaskState.RESUMING,
                TaskState.UPDATING_PASSWORD,  # which may wait for a guest that does not boot
            }
        ),
        status_meanwhile=Status.HARD_REBOOT,
        status_from=_from(VmState.ACTIVE),
    ),
    Action(
        name="pause",
        allowed_from=_from(VmState.ACTIVE),
        task_state=TaskState.PAUSING,
        workflow=PAUSE,
        end=VmState.PAUSED,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=60,
    ),
    Action(
        name="unpause",
        allowed_from=_from(VmState.PAUSED),
        task_state=TaskState.UNPAUSING,
        workflow=UNPAUSE,
        end=VmState.ACTIVE,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=60,
    ),
    Action(
        name="suspend",
        allowed_from=_from(VmState.ACTIVE),
        task_state=TaskState.SUSPENDING,
        workflow=SUSPEND,
        end=VmState.SUSPENDED,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=1800,  # a large memory onto a slow disk
    ),
    Action(
        name="resume",
        allowed_from=_from(VmState.SUSPENDED),
        task_state=TaskState.RESUMING,
        workflow=RESUME,
        end=VmState.ACTIVE,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=600,
    ),
    Action(
        name="changePassword",
        allowed_from=_from(VmState.ACTIVE, VmState.ERROR),
        mends=True,
        task_state=TaskState.UPDATING_PASSWORD,
        workflow=CHANGE_PASSWORD,
        end=VmState.ACTIVE,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=90,
        status_meanwhile=Status.PASSWORD,
        status_from=_from(VmState.ACTIVE),
    ),
    Action(
        name="attach_interface",
        allowed_from=_from(VmState.ACTIVE, VmState.PAUSED, VmState.STOPPED),
        task_state=TaskState.ATTACHING_INTERFACE,
        workflow=ATTACH,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=60,
    ),
    Action(
        name="detach_interface",
        allowed_from=_from(VmState.ACTIVE, VmState.PAUSED, VmState.STOPPED),
        task_state=TaskState.DETACHING_INTERFACE,
        workflow=DETACH,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=120,
    ),
    Action(
        name="rebuild",
        allowed_from=_from(VmState.ACTIVE, VmState.STOPPED, VmState.ERROR),
        task_state=TaskState.REBUILDING,
        workflow=REBUILD,
        on_failure=OnFailure.FAULT,
        deadline_s=600,
        status_meanwhile=Status.REBUILD,
        status_from=_from(VmState.ACTIVE, VmState.STOPPED, VmState.ERROR),
    ),
    Action(
        name="resize",
        allowed_from=_from(VmState.ACTIVE, VmState.STOPPED),
        task_state=TaskState.RESIZE_PREP,
        workflow=RESIZE,
        on_failure=OnFailure.AS_BEFORE,
        undo_task_state=TaskState.RESIZE_REVERTING,
        deadline_s=3600,  # a large disk is copied
        status_meanwhile=Status.RESIZE,
        status_from=_from(VmState.ACTIVE, VmState.STOPPED),
    ),
    Action(
        name="confirmResize",
        allowed_from=_from(VmState.RESIZED),
        task_state=TaskState.RESIZE_CONFIRMING,
        workflow=CONFIRM_RESIZE,
        on_failure=OnFailure.FAULT,
        deadline_s=120,
    ),
    Action(
        name="revertResize",
        allowed_from=_from(VmState.RESIZED),
        task_state=TaskState.RESIZE_REVERTING,
        workflow=REVERT_RESIZE,
        on_failure=OnFailure.FAULT,
        deadline_s=120,
        status_meanwhile=Status.REVERT_RESIZE,
        status_from=_from(VmState.RESIZED, VmState.ACTIVE, VmState.STOPPED),
    ),
    Action(
        name="rescue",
        allowed_from=_from(VmState.ACTIVE, VmState.STOPPED, VmState.ERROR),
        task_state=TaskState.RESCUING,
        workflow=RESCUE,
        end=VmState.RESCUED,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=600,  # an image may have to be converted
    ),
    Action(
        name="unrescue",
        allowed_from=_from(VmState.RESCUED),
        task_state=TaskState.UNRESCUING,
        workflow=UNRESCUE,
        end=VmState.ACTIVE,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=120,
    ),
    Action(
        name="trigger_crash_dump",
        allowed_from=_from(
            VmState.ACTIVE, VmState.PAUSED, VmState.RESCUED, VmState.RESIZED, VmState.ERROR
        ),
        task_state=TaskState.CRASH_DUMPING,
        workflow=CRASH_DUMP,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=30,
    ),
    Action(
        name="createImage",
        allowed_from=HAS_DISK,
        task_state=TaskState.IMAGE_SNAPSHOT_PENDING,
        workflow=CREATE_IMAGE,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=7200,  # a large disk, copied twice
    ),
    Action(
        name="createBackup",
        allowed_from=HAS_DISK,
        task_state=TaskState.IMAGE_BACKUP,
        workflow=CREATE_BACKUP,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=7200,
    ),
    Action(
        name="shelve",
        allowed_from=HAS_DISK,
        task_state=TaskState.SHELVING,
        workflow=SHELVE,
        end_of=end_of_shelving,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=7200,
    ),
    Action(
        name="shelveOffload",
        allowed_from=_from(VmState.SHELVED),
        task_state=TaskState.SHELVING_OFFLOADING,
        workflow=OFFLOAD,
        end=VmState.SHELVED_OFFLOADED,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=120,
    ),
    Action(
        name="unshelve",
        allowed_from=_from(VmState.SHELVED, VmState.SHELVED_OFFLOADED),
        task_state=TaskState.UNSHELVING,
        workflow=UNSHELVE,
        end=VmState.ACTIVE,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=3600,
    ),
    Action(name="lock", allowed_from=None, any_task=True),
    Action(name="unlock", allowed_from=None, any_task=True),
    Action(name="resetState", allowed_from=None, interrupts=EVERYTHING),
    Action(
        name="delete",
        allowed_from=None,
        task_state=TaskState.DELETING,
        workflow=DELETE,
        end=VmState.DELETED,
        on_failure=OnFailure.RETRY,
        deadline_s=120,
        interrupts=EVERYTHING,
    ),
)

ACTIONS: dict[str, Action] = {row.name: row for row in _ROWS}

_MEANWHILE = {
    (vm_state, task_state): row.status_meanwhile
    for row in _ROWS
    for vm_state in row.status_from
    for task_state in row.task_states
}

KNOWN_ANYWAY = frozenset({VmState.BUILDING, VmState.ERROR, VmState.DELETED})
"""What a server is in these states does not depend on what its host says now."""


def states_showing(
    words: Collection[str], *, is_host_known: bool = True
) -> dict[VmState, frozenset[TaskState | None]]:
    """Which states of a server show one of these statuses: vm_states, each with its task_states."""
    shown = {
        vm_state: frozenset(
            task_state
            for task_state in (None, *TaskState)
            if status(vm_state, task_state, is_host_known=is_host_known) in words
        )
        for vm_state in VmState
    }
    return {vm_state: task_states for vm_state, task_states in shown.items() if task_states}


def status(
    vm_state: VmState, task_state: TaskState | None, *, is_host_known: bool = True
) -> Status:
    """Say what the API shows for a server in these states.

    `is_host_known` is false when the server's host has not answered for long. A deletion shows
    what was there before it all the while: clients take any other word for a failure.
    """
    is_leaving = task_state is TaskState.DELETING
    if not is_host_known and vm_state not in KNOWN_ANYWAY and not is_leaving:
        return Status.UNKNOWN
    meanwhile = _MEANWHILE.get((vm_state, task_state)) if task_state else None
    return meanwhile or RESTING_STATUS[vm_state]
