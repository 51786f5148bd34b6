# SPDX-License-Identifier: Apache-2.0
"""Whether a SQLite database is still as it was: what was read of it then can be believed again.

`PRAGMA data_version` gives another number once any other connection, of this process or another,
has committed (https://www.sqlite.org/pragma.html#pragma_data_version). So a connection that only
ever asks this sees all commits, and it takes a tenth of the time of the smallest query.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Commits:
    """The commits to one database file, which is opened when they are first asked for."""

    path: Path
    busy_s: float
    turn: threading.Lock = field(default_factory=threading.Lock)
    connection: sqlite3.Connection | None = None

    def version(self) -> int:
        """A number that stays the same until something is committed. `sqlite3.Error`."""
        with self.turn:
            if self.connection is None:
                self.connection = sqlite3.connect(
                    self.path, timeout=self.busy_s, check_same_thread=False, isolation_level=None
                )
            return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connection. Ask no more then: another one would be opened, which counts anew
        and might give a number that was given before.
        """
        with self.turn:
            if self.connection is not None:
                self.connection.close()
                self.connection = None
