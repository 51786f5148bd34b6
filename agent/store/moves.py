# SPDX-License-Identifier: Apache-2.0
"""Reads what moved servers, off their tasks; of deleted servers too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from agent.model.move import ACTIONS, Move, read_moves
from agent.store import rows
from agent.store.db import Database
from agent.store.schema import servers, tasks


@dataclass(frozen=True, slots=True)
class Moves:
    """The tasks that resize or migrate, confirm or revert."""

    db: Database

    def list(self) -> Sequence[Move]:
        """All moves, oldest first."""
        with self.db.read() as connection:
            found = connection.execute(_MOVING).all()
        return read_moves((rows.task_from(row, ()), row.host) for row in found)


_MOVING = (
    select(tasks, servers.c.host)
    .join(servers, servers.c.id == tasks.c.server_id)
    .where(tasks.c.action.in_(ACTIONS))
    .order_by(tasks.c.id)
)
