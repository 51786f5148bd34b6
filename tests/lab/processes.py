# SPDX-License-Identifier: Apache-2.0
"""Which processes another one has started."""

from __future__ import annotations

from pathlib import Path


def children_of(pid: int) -> list[int]:
    """The processes that any thread of a process has started; `OSError` when it is gone."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for each in threads for child in (each / "children").read_text().split()]
