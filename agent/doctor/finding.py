# SPDX-License-Identifier: Apache-2.0
"""What a check has found: one sentence of what was seen, and one of what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is; only a problem makes `cumulet doctor` exit with 1."""

    OK = "ok"
    NOTE = "note"  # worth knowing; nothing needs to be done
    WARNING = "warning"  # works, but not as well as it could, or not for long
    PROBLEM = "problem"  # something does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was seen."""

    check: str  # the name of the check
    level: Level
    seen: str
    fix: str = ""  # a command or a sentence that one can follow; empty when there is nothing to do
