# SPDX-License-Identifier: Apache-2.0
"""Connections that end: our side of each is closed, and the client has not closed its own yet.

To close both at once might take from the client what it has not read yet (RFC 9112, section 9.6).
gunicorn waits for the client in its main loop, with all other clients waiting for that.
"""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

LINGER_S = 2.0  # so long a client may take …
LINGER_BYTES = 65536  # … and send so much that nobody reads


@dataclass(slots=True)
class Lingering:
    """All of them, for one thread: the one that polls. `let_go` is told of each at its end."""

    poller: selectors.BaseSelector
    let_go: Callable[[Any], None]
    linger_s: float = LINGER_S
    _received: dict[Any, int] = field(default_factory=dict)  # bytes by the connection, oldest first

    def begin(self, conn: Any) -> None:
        """Close our side of a connection, and wait for the other aside. Does not block."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError):  # it is gone already
            self.let_go(conn)
            return
        conn.timeout = time.monotonic() + self.linger_s
        self._received[conn] = 0

    def left(self) -> float:
        """Seconds until one has been waited for long enough; infinite when there is none."""
        first = next(iter(self._received), None)
        return math.inf if first is None else max(0.0, first.timeout - time.monotonic())

    def end_late(self) -> None:
        """Let go of those that were waited for long enough."""
        while not self.left():
            self._end(next(iter(self._received)))

    def _drain(self, conn: Any, sock: socket.socket) -> None:
        """Drop what came; the client's end, or too much from it, ends the connection."""
        try:
            count = len(sock.recv(LINGER_BYTES))
        except BlockingIOError:
            return
        except OSError:
            count = 0
        self._received[conn] += count
        if not count or self._received[conn] >= LINGER_BYTES:
            self._end(conn)

    def _end(self, conn: Any) -> None:
        del self._received[conn]
        self.poller.unregister(conn.sock)
        self.let_go(conn)
