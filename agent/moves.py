# SPDX-License-Identifier: Apache-2.0
"""The use case of migrations: to list, for an administrator, how servers were moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import BadRequest
from agent.model.move import Move, MoveFilter
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Moves:
    """Resizes and cold migrations of all projects' servers."""

    store: Store

    def list(self, wanted: MoveFilter) -> Sequence[Move]:
        """The moves that a filter lets through, oldest first."""
        return [move for move in self.store.moves.list() if wanted.lets_through(move)]

    def page(self, wanted: MoveFilter, *, limit: int, marker: str | None) -> Sequence[Move]:
        """The same in pages, newest first; `BadRequest` for a marker that is no migration's."""
        newest_first = list(self.list(wanted))[::-1]
        if marker is not None:
            ids = [move.uuid for move in self.list(MoveFilter())[::-1]]
            if marker not in ids:
                raise BadRequest(f"Marker {marker[:60]} could not be found.")
            beyond = set(ids[ids.index(marker) + 1 :])
            newest_first = [move for move in newest_first if move.uuid in beyond]
        return newest_first[:limit]
