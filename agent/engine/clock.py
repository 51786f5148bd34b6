# SPDX-License-Identifier: Apache-2.0
"""Time, passed in: the engine never asks the system for it, so that tests can turn it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the engine knows of time."""

    def now(self) -> datetime:
        """The wall clock, UTC-aware: for what is written down."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: for waiting."""
        ...


class SystemClock:
    """The real one."""

    def now(self) -> datetime:
        """The wall clock, UTC-aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()
