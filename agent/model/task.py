# SPDX-License-Identifier: Apache-2.0
"""One durable run of an action: what `os-instance-actions` shows and a restart resumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.errors import BadRequest
from agent.model.states import TaskState

SYSTEM = "cumulet"
"""Who asks for what this cloud does by itself, where a user's id stands."""

INTERRUPTED_BY = "interrupted by "
"""How the error of a task begins that was pushed aside; the other action's name follows."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step whose effect is done; `result` is what later steps of the task need of it."""

    name: str
    finished_at: datetime
    result: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """A task row with its recorded steps. `args` never hold a secret."""

    id: int
    request_id: str
    server_id: str
    action: str
    user_id: str
    project_id: str
    args: Mapping[str, str | int]
    started_at: datetime
    deadline_at: datetime
    finished_at: datetime | None = None
    error: str | None = None  # set when it failed: an open task with an error is being undone
    steps: tuple[StepRecord, ...] = ()
    undone: tuple[str, ...] = ()  # names of the steps undone so far

    @property
    def updated_at(self) -> datetime:
        """When something was last recorded of it."""
        moments = [self.started_at, *(step.finished_at for step in self.steps)]
        return max([*moments, self.finished_at] if self.finished_at else moments)

    def result_of(self, step: str) -> Mapping[str, str | int]:
        """What a recorded step left for later ones; empty when it left nothing."""
        return next((each.result for each in self.steps if each.name == step), {})


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which of a server's tasks, the newest first, a list shows."""

    limit: int
    marker: str | None = None  # the request id of the last one of the page before
    since: datetime | None = None  # updated then or later
    before: datetime | None = None  # updated then or earlier

    def choose(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """The page of these that is asked for; `BadRequest` for an unknown marker."""
        ids = [task.request_id for task in tasks]
        if self.marker is not None and self.marker not in ids:
            raise BadRequest(f"marker [{self.marker[:60]}] not found")
        rest = tasks[ids.index(self.marker) + 1 :] if self.marker is not None else tasks
        wanted = [
            task
            for task in rest
            if (self.since is None or task.updated_at >= self.since)
            and (self.before is None or task.updated_at <= self.before)
        ]
        return wanted[: self.limit]


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is asked for: what a use case hands to the store."""

    request_id: str
    action: str
    user_id: str
    project_id: str
    args: Mapping[str, str | int]
    deadline_s: float  # from its start
    task_state: TaskState | None  # what its server shows from the start; None: it needs no work
    shows_progress: bool = False  # of its own, from 0 on
