# SPDX-License-Identifier: Apache-2.0
"""How structured values are kept: as JSON, in a column of that type where the database has one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import JSON, Dialect
from sqlalchemy.types import TypeDecorator


def write(value: Any) -> str:
    """Write a value as JSON: of plain values, enums, times, mappings and frozen values."""
    return json.dumps(value, default=_plain)


class Document(TypeDecorator[Any]):
    """Any plain value; None is NULL. (SQLAlchemy wants a class for a type of one's own.)"""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read the stored text: by one call a value, for lists have thousands."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return _read


class Kept(Document):
    """A document that is read as the frozen value of a class, whose fields it holds.

    Rows with the same text share one value: of a thousand servers most have one of a few flavors.
    """

    cache_ok = True

    def __init__(self, made: Callable[..., Any]) -> None:
        super().__init__()
        self.made = made

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read the stored text and make the value of it."""
        read, made = super().result_processor(dialect, coltype), self.made

        def value_of(stored: Any) -> Any:
            document = read(stored) if read else stored
            return None if document is None else made(**document)

        # Other databases' drivers give a dict, which is no key.
        return lru_cache(maxsize=_SHARED)(value_of) if dialect.name == "sqlite" else value_of


_SHARED = 128


def _plain(value: Any) -> Any:
    """Give what JSON has for a value of another kind; `TypeError` for what is no value."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {**value}
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _read(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
