# SPDX-License-Identifier: Apache-2.0
"""THE TABLE: every action, from where it is allowed, what it shows, does, and ends in.

The API's 409s, the engine, the status that users read, `os-instance-actions` and the generated
tests all read these rows; there is no second map anywhere.

`status(server)` is the running action's transient status, if its row has one and the server's
vm_state is in its `status_from`; else the resting status of vm_state.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.model.states import RESTING_STATUS, Status, TaskState, VmState
from agent.workflows.create import CREATE
from agent.workflows.delete import DELETE
from agent.workflows.power import START, STOP
from agent.workflows.step import Workflow


class OnFailure(Enum):
    """What becomes of a server whose action failed."""

    FAULT = "error + fault"
    AS_BEFORE = "as before"
    RETRY = "retried"


class Interrupts(Enum):
    """Which running tasks an action may push aside."""

    NOTHING = "nothing"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the table."""

    name: str  # as `os-instance-actions` names it
    allowed_from: frozenset[VmState] | None  # None: from anywhere
    task_state: TaskState  # when it begins; its steps may name others
    workflow: Workflow
    end: VmState
    on_failure: OnFailure
    deadline_s: float
    interrupts: Interrupts = Interrupts.NOTHING
    status_meanwhile: Status | None = None
    status_from: frozenset[VmState] = frozenset()

    @property
    def task_states(self) -> frozenset[TaskState]:
        """All task states that a server may show while this action runs."""
        return frozenset({self.task_state, *(s.task_state for s in self.workflow if s.task_state)})


_ROWS = (
    Action(
        name="create",
        allowed_from=frozenset({VmState.BUILDING}),
        task_state=TaskState.SCHEDULING,
        workflow=CREATE,
        end=VmState.ACTIVE,
        on_failure=OnFailure.FAULT,
        deadline_s=600,
        status_meanwhile=Status.BUILD,
        status_from=frozenset({VmState.BUILDING}),
    ),
    Action(
        name="start",
        allowed_from=frozenset({VmState.STOPPED}),
        task_state=TaskState.POWERING_ON,
        workflow=START,
        end=VmState.ACTIVE,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=120,
    ),
    Action(
        name="stop",
        allowed_from=frozenset({VmState.ACTIVE, VmState.ERROR}),
        task_state=TaskState.POWERING_OFF,
        workflow=STOP,
        end=VmState.STOPPED,
        on_failure=OnFailure.AS_BEFORE,
        deadline_s=120,
    ),
    Action(
        name="delete",
        allowed_from=None,
        task_state=TaskState.DELETING,
        workflow=DELETE,
        end=VmState.DELETED,
        on_failure=OnFailure.RETRY,
        deadline_s=120,
        interrupts=Interrupts.EVERYTHING,
    ),
)

ACTIONS: dict[str, Action] = {row.name: row for row in _ROWS}

_BY_TASK_STATE = {state: row for row in _ROWS for state in row.task_states}


def status(vm_state: VmState, task_state: TaskState | None) -> Status:
    """Say what the API shows for a server in these states."""
    action = _BY_TASK_STATE.get(task_state) if task_state else None
    if action and action.status_meanwhile and vm_state in action.status_from:
        return action.status_meanwhile
    return RESTING_STATUS[vm_state]
