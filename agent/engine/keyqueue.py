# SPDX-License-Identifier: Apache-2.0
"""A queue of keys: who takes a key owns it until he gives it back.

It carries keys, never events: whoever takes a key looks afresh, so a key that was added ten times
is taken once. A key that is added while somebody owns it becomes due again when he is done, so no
wake-up is lost. The sooner of two due times wins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class KeyQueue:
    """Due times by key, safe between threads. Times are those of `monotonic`, in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._due: dict[str, float] = {}
        self._owned: set[str] = set()
        self._changed = threading.Condition()
        self._closed = False

    def add(self, key: str, after_s: float = 0.0) -> None:
        """Make a key due in so many seconds, or sooner if it already was."""
        due = self._monotonic() + after_s
        with self._changed:
            self._due[key] = min(due, self._due.get(key, due))
            self._changed.notify()

    def take_due(self) -> str | None:
        """Take the key that is due the longest, without waiting; None when none is due."""
        with self._changed:
            return self._take()

    def take(self) -> str | None:
        """Wait for a due key and take it; None when the queue is closed. Blocks."""
        with self._changed:
            while not self._closed:
                key = self._take()
                if key is not None:
                    return key
                soonest = self._soonest()
                wait_s = None if soonest is None else max(0.0, soonest - self._monotonic())
                self._changed.wait(wait_s)
            return None

    def give_back(self, key: str) -> None:
        """Say that the work on a taken key is done."""
        with self._changed:
            self._owned.discard(key)
            self._changed.notify()

    def is_owned(self, key: str) -> bool:
        """Whether somebody is at work on a key."""
        with self._changed:
            return key in self._owned

    def next_due(self) -> float | None:
        """The time at which the next free key is due; None when there is none."""
        with self._changed:
            return self._soonest()

    def close(self) -> None:
        """Wake every waiting taker with None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self) -> str | None:
        now = self._monotonic()
        free = [(due, key) for key, due in self._due.items() if key not in self._owned]
        due, key = min(free, default=(now + 1.0, ""))
        if due > now:
            return None
        del self._due[key]
        self._owned.add(key)
        return key

    def _soonest(self) -> float | None:
        return min((due for key, due in self._due.items() if key not in self._owned), default=None)
