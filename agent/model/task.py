# SPDX-License-Identifier: Apache-2.0
"""One durable run of an action: what `os-instance-actions` shows and a restart resumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

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

    def result_of(self, step: str) -> Mapping[str, str | int]:
        """What a recorded step left for later ones; empty when it left nothing."""
        return next((each.result for each in self.steps if each.name == step), {})


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
