# SPDX-License-Identifier: Apache-2.0
"""Lets requests that only look be answered one after the other, however many threads there are.

Python computes in one thread at a time anyway, and a thread that asks the database lets another in
at each row: with eight that look at once, a third of the time went into changing places. What
changes something, and a body that is read or sent piece by piece, is held up by nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

TURN = "cumulet.turn"
"""In a request's environment: its `Turn`."""

WAIT_S = 0.5  # longer than the longest list takes; whoever has waited for so long goes ahead
LOOKS = frozenset({"GET", "HEAD"})


@dataclass(slots=True)
class Turn:
    """One request's turn, if it needs one and has got it."""

    lock: threading.Lock
    is_held: bool = False

    def take(self, seconds: float) -> None:
        """Wait for it, so long at most."""
        self.is_held = self.lock.acquire(timeout=seconds)

    def end(self) -> None:
        """Let the next one in: before a wait for anything slow, and at the end."""
        if self.is_held:
            self.is_held = False
            self.lock.release()


def in_turn(application: WSGIApplication, wait_s: float = WAIT_S) -> WSGIApplication:
    """Make an application answer GET and HEAD in turn, up to where their bodies are sent."""
    lock = threading.Lock()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        turn = environ[TURN] = Turn(lock)
        if environ["REQUEST_METHOD"] in LOOKS:
            turn.take(wait_s)
        try:
            return application(environ, start_response)
        finally:
            turn.end()

    return answer
