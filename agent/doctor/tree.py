# SPDX-License-Identifier: Apache-2.0
"""The host's file tree, below a root that tests choose: reading it never raises and never writes.

What can't be read is None: whether that matters is for each check to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
"""Where systemd finds what it can start."""

_SETTING = re.compile(r"^\s*(\w+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^#\s]*)")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a root; paths are given as the host has them."""

    root: Path = Path("/")

    def at(self, path: str | Path) -> Path:
        """Where a path of the host is."""
        return self.root / str(path).lstrip("/")

    def read(self, path: str | Path) -> str | None:
        """The text of a file, or None."""
        try:
            return self.at(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def has(self, path: str | Path) -> bool:
        """Whether there is something of this name."""
        try:
            return self.at(path).exists()
        except OSError:
            return False

    def settings(self, path: str | Path) -> Mapping[str, str]:
        """The `KEY=value` or `key = "value"` lines of a file; empty when there is none."""
        found = map(_SETTING.match, (self.read(path) or "").splitlines())
        return {match[1]: match[2].strip("\"'") for match in found if match}

    def processes(self) -> Iterator[tuple[int, str]]:
        """The running processes: pid and name (of which the kernel keeps 15 characters)."""
        for entry in self.at("/proc").glob("[0-9]*"):
            name = self.read(f"/proc/{entry.name}/comm")
            if name:
                yield int(entry.name), name.strip()

    @property
    def has_systemd(self) -> bool:
        """Whether systemd runs this host: then its commands are what to advise."""
        return self.has("/run/systemd/system")
