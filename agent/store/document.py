# SPDX-License-Identifier: Apache-2.0
"""How structured values are kept: as JSON, in a column of that type where the database has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import JSON, Dialect
from sqlalchemy.types import TypeDecorator


class Document(TypeDecorator[Any]):
    """Any plain value; None is NULL. (SQLAlchemy wants a class for a type of one's own.)"""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read the stored text: by one call a value, for lists have thousands."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return _read


def _read(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
