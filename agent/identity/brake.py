# SPDX-License-Identifier: Apache-2.0
"""Slows whoever guesses: after some failed logins, the next try has to wait.

Failures are counted by where they come from, for each user and for all users together. Not by the
user alone: then anybody could lock anybody out. Who was let in from an address waits only for its
own failures, so that one guesser behind a proxy is not all who come through it. What is counted is
forgotten with the process.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.errors import TooManyTries

FREE_OF_USER = 5
FREE_OF_ADDRESS = 50
LONGEST_S = 30.0
FORGOTTEN_AFTER_S = 900.0
MAX_ENTRIES = 10_000  # the oldest are forgotten first, so that nobody can fill the memory

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last_s: float
    free: int

    @property
    def until_s(self) -> float:
        """From when on the next try is taken: 1, 2, 4, … seconds after the last."""
        over = self.count - self.free
        return self.last_s + min(LONGEST_S, 2.0 ** min(over, 10)) if over >= 0 else self.last_s


@dataclass(frozen=True, slots=True)
class Brake:
    """Counts failed logins. Safe to use from any number of threads; never blocks for long."""

    monotonic: Callable[[], float]
    _failures: OrderedDict[_Key, _Failures] = field(default_factory=OrderedDict)
    _welcome: OrderedDict[_Key, None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, address: str, user: str) -> None:
        """Raise `TooManyTries`, with the seconds to wait, when it is too early for a try."""
        now = self.monotonic()
        with self._lock:
            keys = [(address, user)] if (address, user) in self._welcome else _keys(address, user)
            known = [self._failures[key] for key in keys if key in self._failures]
        wait_s = max((failures.until_s - now for failures in known), default=0.0)
        if wait_s > 0:
            seconds = int(wait_s) + 1
            raise TooManyTries(
                f"Too many logins failed. Wait {seconds} s, then try again.", retry_after_s=seconds
            )

    def note_failure(self, address: str, user: str) -> int:
        """Count a failed login, and return how many it are of this user from there, in a row."""
        now = self.monotonic()
        with self._lock:
            for key, free in _keys(address, user).items():
                before = self._failures.pop(key, None)
                fresh = before is None or now - before.last_s > FORGOTTEN_AFTER_S
                count = 1 if before is None or fresh else before.count + 1
                self._failures[key] = _Failures(count, now, free)
            while len(self._failures) > MAX_ENTRIES:
                self._failures.popitem(last=False)
            return self._failures[address, user].count

    def note_success(self, address: str, user: str) -> None:
        """Forget what failed of this user from there, and remember that it was let in."""
        with self._lock:
            self._failures.pop((address, user), None)
            self._welcome[address, user] = None
            self._welcome.move_to_end((address, user))
            while len(self._welcome) > MAX_ENTRIES:
                self._welcome.popitem(last=False)


def _keys(address: str, user: str) -> dict[_Key, int]:
    return {(address, ""): FREE_OF_ADDRESS, (address, user): FREE_OF_USER}
