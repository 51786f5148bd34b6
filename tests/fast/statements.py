# SPDX-License-Identifier: Apache-2.0
"""SQL statements, compiled once for all the clouds of a test process.

SQLAlchemy keeps what it has compiled for as long as one database is open. Here thousands are opened
for a moment each, all of them SQLite: a quarter of the crash matrix went into compiling the same.
"""

from __future__ import annotations

from typing import Any

from agent.store import Database


class Compiled(dict[tuple[Any, ...], Any]):
    """By what a statement says; SQLAlchemy's keys begin with the dialect, one for each database."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], statement: Any) -> None:
        super().__setitem__(key[1:], statement)


_COMPILED = Compiled()


def share_compiled(db: Database) -> None:
    """Let a database that was just opened use what others have compiled."""
    for engine in (db.engine, db.writer):
        engine.update_execution_options(compiled_cache=_COMPILED)
