# SPDX-License-Identifier: Apache-2.0
"""What a store asks its database."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import event

from agent.store import Store


def count_statements(store: Store, work: Callable[[], object]) -> int:
    """How many statements some work takes."""
    seen: list[str] = []

    def note(_cursor: object, statement: object, *rest: object) -> None:
        seen.append(str(statement))

    event.listen(store.db.engine, "before_cursor_execute", note)
    work()
    event.remove(store.db.engine, "before_cursor_execute", note)
    return len(seen)
