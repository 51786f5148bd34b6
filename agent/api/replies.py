# SPDX-License-Identifier: Apache-2.0
"""Small things that every service says the same way: empty replies and times."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response


def empty(code: int) -> Response:
    """Reply without a body."""
    return Response(status=code, mimetype="application/json")


def iso_seconds(moment: datetime) -> str:
    """Write a time as 2026-01-01T00:00:00Z."""
    return f"{_utc(moment).isoformat('T', 'seconds')[:19]}Z"


def iso_micros(moment: datetime) -> str:
    """Write a time as 2026-01-01T00:00:00.000000, as the standard does for a server's launch."""
    return _utc(moment).isoformat("T", "microseconds")[:26]


def _utc(moment: datetime) -> datetime:
    """The time in UTC. (The zone is cut off the text above: `strftime` would take far longer.)"""
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
