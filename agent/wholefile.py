# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all, also after a power cut: what every writer here uses.

A file is made under a temporary name beside its own, ".NAME.<pid>.<random>.part", forced to the
disk, and renamed. What a crash leaves is swept away at the next start: the pid tells whether its
writer still lives, as an import from the command line may.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import HostFailed
from agent.machine import is_running


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name; what is made there gets the name `path` once it is on the disk.

    Nothing is left when the body raises. Blocks on the disk; `HostFailed` when that refuses.
    """
    part = _temporary(path)
    try:
        yield part
        with refusals(f"{path.name} could not be stored"):
            _sync(part, os.O_RDONLY)
            part.replace(path)
            sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def scratch_file(folder: Path, name: str) -> Iterator[Path]:
    """Give a temporary name in a folder; what is made there is gone afterwards."""
    part = _temporary(folder / name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def is_abandoned(part: Path) -> bool:
    """Whether nobody writes this temporary file any more; asked by one who writes none yet."""
    pid = part.name.split(".")[-3]
    return pid == str(os.getpid()) or not is_running(pid)


def create_private(path: Path) -> int:
    """Create a file that must not exist, of mode 0600, and give its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn the operating system's refusals into `HostFailed`, with what could not be done."""
    try:
        yield
    except OSError as error:
        raise HostFailed(f"{what}: {error.strerror}.") from error


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
