# SPDX-License-Identifier: Apache-2.0
"""Who asks for something, under which request id, and what follows for an action of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.actions import Action
from agent.model.identity import Caller
from agent.model.placement import HostLoad
from agent.model.task import NewTask
from agent.store import Admission

LOCK_DOES_NOT_MATTER = frozenset({"lock", "unlock", "createImage", "createBackup"})
"""Actions that change nothing which a lock is to keep."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, under which request id."""

    caller: Caller
    request_id: str  # "req-" and a uuid

    @property
    def scope(self) -> str | None:
        """The project whose servers the caller may reach by id; None is every project."""
        return None if self.caller.is_admin else self.caller.project.id


def admission(
    asking: Asking, row: Action, offers: Callable[[], Sequence[HostLoad]] | None = None
) -> Admission:
    """What must hold of a server for the action to begin when this caller asks for it."""
    return Admission(
        label=row.label,
        vm_states=row.allowed_from,
        interrupts=row.interrupts,
        any_task=row.any_task,
        mends=row.name if row.mends else "",
        despite_lock=asking.caller.is_admin or row.name in LOCK_DOES_NOT_MATTER,
        offers=offers,
    )


def new_task(asking: Asking, row: Action, args: Mapping[str, str | int] | None = None) -> NewTask:
    """The task of an action that this caller asks for."""
    return NewTask(
        request_id=asking.request_id,
        action=row.name,
        user_id=asking.caller.user.id,
        project_id=asking.caller.project.id,
        args=args or {},
        deadline_s=row.deadline_s,
        task_state=row.task_state,
        shows_progress=any(step.progress is not None for step in row.workflow),
    )
