# SPDX-License-Identifier: Apache-2.0
"""Which version of the Compute API a request speaks, and the headers that say so.

What each version changed stands in `agent.api.changes`. The configuration's `max_microversion` says
what is advertised and accepted; `HIGHEST` is the most that it may be.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from werkzeug.datastructures import Headers
from werkzeug.exceptions import NotAcceptable

from agent.api.changes import Change
from agent.errors import BadRequest

HEADER = "OpenStack-API-Version"
LEGACY_HEADER = "X-OpenStack-Nova-API-Version"

_VERSION = re.compile(r"([1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")


class Microversion(NamedTuple):
    """A version of the Compute API; versions compare as numbers."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    def has(self, change: Change) -> bool:
        """Whether a change of the API is part of this version."""
        return self.minor >= change.since

    @classmethod
    def parse(cls, text: str) -> Microversion:
        """Read "2.53"; `ValueError` for what is no version."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError(f"no version: {text[:40]!r}")
        return cls(int(match[1]), int(match[2]))


MINIMUM = Microversion(2, 1)
HIGHEST = Microversion(2, 96)


def negotiate(headers: Headers, maximum: Microversion) -> Microversion:
    """Say which version the request's headers ask for; the minimum when they ask for none.

    Raises `BadRequest` for what is no version, `NotAcceptable` for one that is not served.
    """
    asked = _asked(headers)
    if asked is None:
        return MINIMUM
    if asked == "latest":
        return maximum
    try:
        version = Microversion.parse(asked)
    except ValueError:
        raise BadRequest(
            f"API Version String {asked[:40]} is of invalid format. "
            "Must be of format MajorNum.MinorNum."
        ) from None
    if not MINIMUM <= version <= maximum:
        raise NotAcceptable(
            f"Version {version} is not supported by the API. "
            f"Minimum is {MINIMUM} and maximum is {maximum}."
        )
    return version


def reply_headers(version: Microversion) -> dict[str, str]:
    """Make the headers that every reply of the Compute API bears."""
    return {
        HEADER: f"compute {version}",
        LEGACY_HEADER: str(version),
        "Vary": f"{HEADER}, {LEGACY_HEADER}",
    }


def _asked(headers: Headers) -> str | None:
    """Read the version from "compute 2.1, placement 1.0", else from the older header."""
    for entry in headers.get(HEADER, "").split(","):
        service, _, version = entry.strip().partition(" ")
        if service.lower() == "compute":
            return version.strip().lower()
    legacy = headers.get(LEGACY_HEADER)
    return legacy.strip().lower() if legacy is not None else None
