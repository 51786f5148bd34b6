# SPDX-License-Identifier: Apache-2.0
"""What can befall a state folder: each is done to the database at a path."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

DAMAGES: dict[str, Callable[[Path], object]] = {
    "no folder": lambda db: shutil.rmtree(db.parent),
    "no database": lambda db: db.unlink(),
    "empty database": lambda db: db.write_bytes(b""),
    "no SQLite": lambda db: db.write_bytes(b"x" * 9999),
}
