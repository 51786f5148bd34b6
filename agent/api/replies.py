# SPDX-License-Identifier: Apache-2.0
"""Small things that every service says the same way: replies of no or one thing, and times."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from flask import Response, jsonify


def empty(code: int) -> Response:
    """Reply without a body."""
    return Response(status=code, mimetype="application/json")


def created(name: str, view: object) -> Response:
    """Reply with what was made, below its name."""
    response = jsonify({name: view})
    response.status_code = 201
    return response


def iso_seconds(moment: datetime) -> str:
    """Write a time as 2026-01-01T00:00:00Z."""
    return f"{_to_seconds(moment)}Z"


def iso_micros(moment: datetime) -> str:
    """Write a time as 2026-01-01T00:00:00.000000, as the standard does for a server's launch."""
    return f"{_to_seconds(moment)}.{moment.microsecond:06}"


def _to_seconds(moment: datetime) -> str:
    """The time in UTC, as 2026-01-01T00:00:00: by orjson, for `isoformat` takes far longer."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return orjson.dumps(utc, option=orjson.OPT_OMIT_MICROSECONDS)[1:20].decode()
