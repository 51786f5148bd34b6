# SPDX-License-Identifier: Apache-2.0
"""Moves of servers, which the Compute API calls migrations: here resizes and cold ones. Pure.

They are read off the tasks that did them; nothing of them is kept a second time.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agent.model.task import Task

KINDS = {"resize": "resize", "migrate": "migration"}
"""The actions that move a server, and what the standard calls such a migration."""

ENDS = {
    "confirmResize": ("confirming", "confirmed"),
    "revertResize": ("reverting", "reverted"),
}
"""The actions that end a move: what it is while they run, and then."""

ACTIONS = (*KINDS, *ENDS)


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a server. On one host it goes from there to there."""

    id: int  # of the task that began it
    server_id: str
    kind: str
    status: str
    host: str | None
    user_id: str
    project_id: str
    created_at: datetime
    updated_at: datetime
    old_flavor_id: str = ""
    new_flavor_id: str = ""

    @property
    def uuid(self) -> str:
        """Its other id, the same whenever it is read."""
        return str(uuid.uuid5(uuid.UUID(self.server_id), f"move {self.id}"))


@dataclass(frozen=True, slots=True)
class MoveFilter:
    """Which moves a list shows; None lets all through."""

    host: str | None = None
    server_id: str | None = None
    status: str | None = None
    kind: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    changes_since: datetime | None = None
    changes_before: datetime | None = None

    def lets_through(self, move: Move) -> bool:
        """Whether a move is wanted."""
        asked = (
            (self.host, move.host),
            (self.server_id, move.server_id),
            (self.status, move.status),
            (self.kind, move.kind),
            (self.user_id, move.user_id),
            (self.project_id, move.project_id),
        )
        return (
            all(wanted is None or wanted == has for wanted, has in asked)
            and (self.changes_since is None or move.updated_at >= self.changes_since)
            and (self.changes_before is None or move.updated_at <= self.changes_before)
        )


def read_moves(tasks: Iterable[tuple[Task, str | None]]) -> Sequence[Move]:
    """The moves that tasks of ACTIONS, oldest first and each with its server's host, tell of."""
    moves: list[Move] = []
    last: dict[str, int] = {}  # of each server, where its newest move is
    for task, host in tasks:
        if task.action in KINDS:
            last[task.server_id] = len(moves)
            moves.append(_begun(task, host))
        elif task.server_id in last:
            place = last[task.server_id]
            moves[place] = _ended(moves[place], task)
    return moves


def _begun(task: Task, host: str | None) -> Move:
    status = "migrating"
    if task.finished_at is not None:
        status = "error" if task.error else "finished"
    return Move(
        id=task.id,
        server_id=task.server_id,
        kind=KINDS[task.action],
        status=status,
        host=host,
        user_id=task.user_id,
        project_id=task.project_id,
        created_at=task.started_at,
        updated_at=task.finished_at or task.started_at,
        old_flavor_id=str(task.args.get("old_flavor_id", "")),
        new_flavor_id=_new_flavor(task),
    )


def _new_flavor(task: Task) -> str:
    """The id of the flavor that a resize is to; its task has it whole, as JSON."""
    text = task.args.get("flavor")
    return str(json.loads(str(text))["id"]) if text else ""


def _ended(move: Move, task: Task) -> Move:
    if move.status != "finished":
        return move
    running, done = ENDS[task.action]
    if task.finished_at is None:
        return replace(move, status=running, updated_at=task.started_at)
    if task.error:
        return replace(move, updated_at=task.finished_at)
    return replace(move, status=done, updated_at=task.finished_at)
