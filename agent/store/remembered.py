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
    """Values that were read. Nobody may change them. Safe to use from any number of threads."""

    db: Database
    most: int  # values, or a few more where several threads read: then all are forgotten
    _kept: _Kept[V] = field(default_factory=lambda: _Kept(None))

    def __len__(self) -> int:
        return len(self._kept.values)

    def find(self, key: str, look: Callable[[], V | None]) -> V | None:
        """What `look` would read now; it is called only when that is not known. None is not kept.

        The version is asked for before the look, so that it is never newer than what was seen.
        Values of another version are kept apart, in another `_Kept`: a slow look adds to its own.
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
