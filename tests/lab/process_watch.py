# SPDX-License-Identifier: Apache-2.0
"""Looks at the arguments and the environment of all processes, again and again, for secrets.

Those of a private host are seen too: their namespace is one of ours. What lives for less than the
time between two looks may be missed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.lab.canaries import Canaries

PAUSE_S = 0.01  # between two looks, so that the watched get something done
STOP_S = 30.0


@dataclass(slots=True)
class ProcessWatch:
    """A thread that looks until its `with` block ends."""

    canaries: Canaries
    leaks: set[tuple[str, str, str]] = field(default_factory=set)  # program, what, secret
    programs: set[str] = field(default_factory=set)
    looks: int = 0
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> ProcessWatch:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="process-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End, when the look that is under way is done."""
        assert self._thread is not None
        self._end.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        while not self._end.wait(PAUSE_S):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit() and int(entry.name) != os.getpid():
                    # A process may end while it is looked at.
                    with contextlib.suppress(OSError):
                        self._look(Path(entry.path))
            self.looks += 1

    def _look(self, process: Path) -> None:
        arguments = (process / "cmdline").read_bytes()
        program = Path(os.fsdecode(arguments.split(b"\0", 1)[0])).name
        self.programs.add(program)
        for what, data in (
            ("arguments", arguments),
            ("environment", (process / "environ").read_bytes()),
        ):
            self.leaks |= {(program, what, name) for name in self.canaries.find(data)}
