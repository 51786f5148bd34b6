# SPDX-License-Identifier: Apache-2.0
"""Lazily opened connections to libvirt, opened again after they were lost.

An inherited connection hangs a forked child, so nothing is opened before the first use.

# Note [One caller a connection]
libvirt's client may be shared by threads, but its releases before 10.3 (CVE-2024-4418; Debian 12
has 9.0) corrupt their memory when one thread's call wakes another's wait: seen as a crash of the
process when a libvirtd that was frozen goes on. So a connection is lent to one caller at a time,
and only the one for events, on which nobody waits for long, has keepalive, whose pings wake too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import libvirt

from agent.errors import AgentError, HostUnavailable
from agent.hypervisor.errors import silence, translated

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 2.0
WAIT_S = 30.0  # for a free slot or an opening: then the caller had better try again later
CLOSE_S = 5.0
KEEPALIVE_S = 3  # a frozen libvirtd is noticed within 12 s
KEEPALIVE_COUNT = 3


class Link:
    """A connection that one thread uses at a time: see the note."""

    def __init__(
        self, uri: str, *, keepalive: bool = False, connect: Callable[[], Any] | None = None
    ) -> None:
        self._uri = uri
        self._keepalive = keepalive
        self._connect = connect
        self._slots = threading.BoundedSemaphore(1)
        self._lock = threading.Lock()
        self._connection: Any = None
        self._failure = ""
        self._retry_at = 0.0
        self._retry_s = FIRST_RETRY_S

    @property
    def retry_s(self) -> float:
        """After how many seconds the next opening is worth a try."""
        return max(0.0, self._retry_at - time.monotonic())

    @contextmanager
    def use(self) -> Iterator[Any]:
        """Lend the connection; libvirt's errors inside come out as ours. May block."""
        if not self._slots.acquire(timeout=WAIT_S):
            raise HostUnavailable("libvirt is busy: too many calls have not come back")
        try:
            with translated():
                yield self._get()
        finally:
            self._slots.release()

    def drop(self) -> None:
        """Let go of the connection; the next use opens another one. Blocks for 5 s at most.

        libvirt closes a connection with its last reference, which takes for ever when libvirtd is
        frozen: so the reference dies in a thread that nobody needs.
        """
        with self._lock:
            held, self._connection = [self._connection], None
            self._retry_at = 0.0
        if held[0] is not None:
            closer = threading.Thread(target=held.clear, name="libvirt-closer", daemon=True)
            closer.start()
            closer.join(CLOSE_S)

    def _get(self) -> Any:
        if not self._lock.acquire(timeout=WAIT_S):
            raise HostUnavailable(f"libvirt does not answer: opening {self._uri} takes too long")
        try:
            if self._connection is not None and self._connection.isAlive():
                return self._connection
            # Forgotten, not closed: another thread's call may still be inside. libvirt closes it
            # with its last reference.
            self._connection = None
            return self._open()
        finally:
            self._lock.release()

    def _open(self) -> Any:
        if self.retry_s > 0:
            raise HostUnavailable(self._failure)
        silence()
        try:
            with translated():
                self._connection = self._connect() if self._connect else libvirt.open(self._uri)
        except AgentError as error:
            self._failure = error.message
            self._retry_at = time.monotonic() + self._retry_s
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
            raise
        self._retry_s = FIRST_RETRY_S
        if self._keepalive:
            # The test driver has none, and without an event thread nobody would answer it.
            with suppress(libvirt.libvirtError):
                self._connection.setKeepAlive(KEEPALIVE_S, KEEPALIVE_COUNT)
        return self._connection


class Pool:
    """A few links, each lent to one caller at a time; the one used last is lent first."""

    def __init__(self, uri: str, *, size: int, connect: Callable[[], Any] | None = None) -> None:
        self._links = [Link(uri, connect=connect) for _ in range(size)]
        self._idle = list(self._links)
        self._slots = threading.BoundedSemaphore(size)

    @contextmanager
    def use(self) -> Iterator[Any]:
        """Lend a connection; libvirt's errors inside come out as ours. May block."""
        if not self._slots.acquire(timeout=WAIT_S):
            raise HostUnavailable("libvirt is busy: too many calls have not come back")
        try:
            link = self._idle.pop()
            try:
                with link.use() as connection:
                    yield connection
            finally:
                self._idle.append(link)
        finally:
            self._slots.release()

    def drop(self) -> None:
        """Let go of all connections; the next uses open others. Blocks for some seconds at most."""
        for link in self._links:
            link.drop()
