# SPDX-License-Identifier: Apache-2.0
"""How long clients are waited for: each that is being read from holds a thread, of which few are.

A thread says what it reads; another looks each second and cuts off who is too slow: the reader then
meets the end of the connection. What a handler does with what was read is no concern of this room,
and a cut does not harm its reply.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE = "cumulet.patience"
"""In a request's environment: its server's `Patience`."""

LOOK_S = 1.0

WHOLE_S = 20.0  # for a request's head and its JSON
CROWDED_S = 3.0  # the same, while no thread is free for anybody else

WINDOW_S = 60.0  # in each of these …
WINDOW_BYTES = 4 * 2**20  # … so much of a stream must come


@dataclass(slots=True)
class Reading:
    """What one thread reads from one client."""

    sock: socket.socket
    since: float
    received: int | None = None  # bytes of a stream; None: it reads something short
    before: int = 0  # of them when the window began


@dataclass(slots=True)
class Patience:
    """Watches all threads that read from clients. Safe to use from any number of threads."""

    threads: int  # that there are for requests
    monotonic: Callable[[], float] = time.monotonic
    _readings: dict[int, Reading] = field(default_factory=dict)  # by the thread
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, sock: socket.socket) -> None:
        """Note that this thread begins to read a request."""
        with self._lock:
            self._readings[threading.get_ident()] = Reading(sock, self.monotonic())

    def end(self) -> None:
        """Note that this thread has read all that it wants; nothing when it reads nothing."""
        with self._lock:
            self._readings.pop(threading.get_ident(), None)

    def note(self, count: int) -> None:
        """Note so many bytes of a stream, which may take as long as it comes steadily."""
        with self._lock:
            reading = self._readings.get(threading.get_ident())
            if reading is not None:
                if reading.received is None:
                    reading.received, reading.since = 0, self.monotonic()
                reading.received += count

    def watch(self) -> None:
        """Look each second, for ever: for a thread of its own."""
        while True:
            time.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Cut off who is too slow."""
        now = self.monotonic()
        with self._lock:
            is_crowded = len(self._readings) >= self.threads
            for reading in self._readings.values():
                if _is_too_slow(reading, now, CROWDED_S if is_crowded else WHOLE_S):
                    with suppress(OSError):
                        reading.sock.shutdown(socket.SHUT_RD)


def _is_too_slow(reading: Reading, now: float, whole_s: float) -> bool:
    if reading.received is None:
        return now - reading.since > whole_s
    if now - reading.since < WINDOW_S:
        return False
    is_too_slow = reading.received - reading.before < WINDOW_BYTES
    reading.before, reading.since = reading.received, now
    return is_too_slow
