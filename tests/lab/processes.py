# SPDX-License-Identifier: Apache-2.0
"""Which processes another one has started, and what one has open."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """The processes that any thread of a process has started; `OSError` when it is gone."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for each in threads for child in (each / "children").read_text().split()]


def opened_by(pid: int) -> list[str]:
    """What the descriptors of a process stand for, as the kernel names it; `OSError` when it is
    gone.
    """
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in between
            found.append(str(link.readlink()))
    return found
