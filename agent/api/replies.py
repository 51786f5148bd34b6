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
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_micros(moment: datetime) -> str:
    """Write a time as 2026-01-01T00:00:00.000000, as the standard does for a server's launch."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
