# SPDX-License-Identifier: Apache-2.0
"""Names in a query string: from some version on, those that nobody knows are refused. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from agent.api import changes
from agent.api.microversion import Microversion
from agent.errors import BadRequest


def check_query(
    names: Iterable[str],
    known: Collection[str],
    version: Microversion,
    since: changes.Change = changes.STRICT,
) -> None:
    """Raise `BadRequest` for a name that is not known, where the version is so strict."""
    if not version.has(since):
        return
    for name in names:
        if name not in known:
            raise BadRequest(
                f"Additional query parameters are not allowed ('{name[:60]}' was unexpected)."
            )
