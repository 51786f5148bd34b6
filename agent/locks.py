# SPDX-License-Identifier: Apache-2.0
"""Locks of the state folder, by `flock`: the kernel lets go of them when their holder ends.

A lock's file stays; it holds the pid of its last holder, for the messages only.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.errors import Conflict, NotFound

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class FolderLock:
    """One lock; `busy` says what its holder is, and what to do, with `{pid}` in it."""

    path: Path
    busy: str

    def look(self) -> None:
        """Raise `Conflict` when somebody holds it now. Makes no file, and does not wait."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._taken(fd) from None
        finally:
            os.close(fd)

    @contextmanager
    def hold(self, wait_s: float) -> Iterator[None]:
        """Hold it meanwhile; `Conflict` when somebody else does for so long. Blocks until then."""
        with self._open() as fd:
            self._wait(fd, wait_s)
            _write_pid(fd)
            yield

    @contextmanager
    def _open(self) -> Iterator[int]:
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (FileNotFoundError, NotADirectoryError) as error:
            folder = self.path.parent
            raise NotFound(f"There is no state folder {folder}: run `cumulet init`.") from error
        try:
            yield fd
        finally:
            os.close(fd)

    def _wait(self, fd: int, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while not _try_lock(fd):
            if time.monotonic() > deadline:
                raise self._taken(fd)
            time.sleep(POLL_S)

    def _taken(self, fd: int) -> Conflict:
        pid = os.pread(fd, 32, 0).decode().strip() or "unknown"
        return Conflict(self.busy.replace("{pid}", pid))


def _write_pid(fd: int) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
