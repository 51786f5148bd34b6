# SPDX-License-Identifier: Apache-2.0
"""Since when the machine runs, in the words of uptime(1): clients take that line apart.

Read from where uptime(1) reads it, so that no program is needed for it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

PROC = Path("/proc")

SESSIONS = Path("/run/systemd/users")
"""One file for each user who is logged in, where systemd runs."""


def uptime_line(now: datetime, *, proc: Path = PROC, sessions: Path = SESSIONS) -> str:
    """Say it as ` 08:32:11 up 93 days, 18:25,  2 users,  load average: 0.20, 0.12, 0.14`."""
    seconds = float((proc / "uptime").read_text().split()[0])
    load = ", ".join((proc / "loadavg").read_text().split()[:3])
    users = len(list(sessions.iterdir())) if sessions.is_dir() else 0
    who = "1 user" if users == 1 else f"{users} users"
    return f" {now:%H:%M:%S} up {_span(int(seconds) // 60)},  {who},  load average: {load}"


def _span(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    shown_days = f"{days} day{'s' if days != 1 else ''}, " if days else ""
    return shown_days + (f"{hours:2}:{rest:02}" if hours else f"{rest} min")
