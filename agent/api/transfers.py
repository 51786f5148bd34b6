# SPDX-License-Identifier: Apache-2.0
"""Image bytes under way: each transfer keeps a thread, so only so many may, and of one project."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from agent.errors import HostUnavailable


@dataclass(slots=True)
class Transfers:
    """Counts transfers. Safe to use from any number of threads; never blocks for long."""

    most: int
    most_of_project: int
    _under_way: Counter[str] = field(default_factory=Counter)  # by the project
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of_threads(cls, threads: int) -> Transfers:
        """Use half of the threads at most, and leave one of those to other projects."""
        most = max(1, threads // 2)
        return cls(most, max(1, most - 1))

    def begin(self, project_id: str) -> None:
        """Count one more; `HostUnavailable` when that would be too many."""
        with self._lock:
            if self._under_way.total() >= self.most:
                raise HostUnavailable("Too many images are being transferred now: try again soon.")
            if self._under_way[project_id] >= self.most_of_project:
                raise HostUnavailable(
                    f"This project transfers {self.most_of_project} images already, as many as one "
                    "may at once: try again soon."
                )
            self._under_way[project_id] += 1

    def end(self, project_id: str) -> None:
        """Count one less."""
        with self._lock:
            self._under_way[project_id] -= 1
            self._under_way += Counter()  # forgets the projects that have none
