# SPDX-License-Identifier: Apache-2.0
"""How times are kept: as text of one width in UTC, so that they sort as they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """An aware time with its microseconds. (SQLAlchemy wants a class for a type of one's own.)"""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Give the text that is stored."""
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Read the stored text: by one call a value, for lists have thousands."""
        return _read


def _read(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
