# SPDX-License-Identifier: Apache-2.0
"""The line of uptime(1), from the files that it is read from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.uptime import uptime_line

NOW = datetime(2026, 1, 1, 8, 32, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "users", "line"),
    [
        ("59.9 1", 0, " 08:32:11 up 0 min,  0 users,  load average: 0.20, 0.12, 0.14"),
        ("3725.1 1", 1, " 08:32:11 up  1:02,  1 user,  load average: 0.20, 0.12, 0.14"),
        ("93600 1", 2, " 08:32:11 up 1 day,  2:00,  2 users,  load average: 0.20, 0.12, 0.14"),
        ("8101500 1", 3, " 08:32:11 up 93 days, 18:25,  3 users,  load average: 0.20, 0.12, 0.14"),
    ],
)
def test_the_line_is_uptimes(tmp_path: Path, seconds: str, users: int, line: str) -> None:
    (tmp_path / "uptime").write_text(seconds)
    (tmp_path / "loadavg").write_text("0.20 0.12 0.14 1/99 4242\n")
    sessions = tmp_path / "users"
    if users:
        sessions.mkdir()
    for number in range(users):
        (sessions / str(number)).touch()

    assert uptime_line(NOW, proc=tmp_path, sessions=sessions) == line
