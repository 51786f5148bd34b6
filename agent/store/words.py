# SPDX-License-Identifier: Apache-2.0
"""How words are kept: those of an enum, and several of them in one text.

Lists have thousands of them, so each is read by one call.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator, TypeEngine


class Word(TypeDecorator[Any]):
    """A member of an enum; None is NULL. (SQLAlchemy wants a class for a type of one's own.)

    What a filter compares it with may be anything.
    """

    impl = String
    cache_ok = True

    def __init__(self, words: type[Enum], kept: TypeEngine[Any]) -> None:
        super().__init__()
        self.words = words
        self.kept = kept

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep it as its value is kept."""
        return self.kept

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Give the value that is stored."""
        return value.value if isinstance(value, Enum) else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Read the stored value."""
        members: dict[Any, Any] = {member.value: member for member in self.words}
        return {None: None, **members}.__getitem__


class Joined(TypeDecorator[tuple[str, ...]]):
    """What a subquery joins with commas, as the words in their order; none of them for NULL."""

    impl = String
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Read the joined text."""
        return _split


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(sorted(text.split(","))) if text else ()
