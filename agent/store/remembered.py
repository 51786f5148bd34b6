# SPDX-License-Identifier: Apache-2.0
"""What is read again and again, remembered until anything at all is committed, by whomever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from agent.store.db import Database

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    """What was read of one version of the database, by its keys."""

    version: int | None
    values: dict[str, V] = field(default_factory=dict)


@dataclass(slots=True)
class Remembered(Generic[V]):
    """Values that were read. They must be frozen. Safe to use from any number of threads."""

    db: Database
    most: int  # values: with one more, all are forgotten
    _kept: _Kept[V] = field(default_factory=lambda: _Kept(None))

    def __len__(self) -> int:
        return len(self._kept.values)

    def find(self, key: str, look: Callable[[], V | None]) -> V | None:
        """What `look` would read now; it is called only when that is not known. None is not kept.

        Whoever looks keeps what was found with the version from before, which is never newer than
        what was seen: the same object is passed on, and a new version has another.
        """
        kept, version = self._kept, self.db.version()
        if version is None or kept.version != version:
            kept = self._kept = _Kept(version)
        value = kept.values.get(key)
        if value is None:
            value = look()
            if value is not None:
                if len(kept.values) >= self.most:
                    kept.values.clear()
                kept.values[key] = value
        return value
