# SPDX-License-Identifier: Apache-2.0
"""Packages that are unpacked into a folder and not installed, and how their programs are run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.lab.commands import run

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = "ld-linux-x86-64.so.2"


def unpack(archives: Iterable[Path], folder: Path) -> None:
    """Unpack the archives into the folder, which need not be there."""
    for archive in archives:
        run(["dpkg", "-x", archive, folder])


def find_loader(unpacked: Path) -> Path:
    """Find the C library's loader, on whichever side of the merge of /usr it lies."""
    return next(folder / LOADER for folder in _folders(unpacked) if (folder / LOADER).exists())


def loader_command(unpacked: Path) -> list[str | Path]:
    """Give the command prefix that runs a program with the packages' own libraries."""
    return [find_loader(unpacked), "--library-path", ":".join(map(str, _folders(unpacked)))]


def _folders(unpacked: Path) -> tuple[Path, Path]:
    return unpacked / LIBRARIES, unpacked / LIBRARIES.removeprefix("usr/")
