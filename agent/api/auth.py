# SPDX-License-Identifier: Apache-2.0
"""Who asks: the token of the request, and nothing else of it, says so.

Headers that a trusted proxy might set (X-Roles, X-User-Id, X-Identity-Status, …) are never read:
anyone can send them.
"""

from __future__ import annotations

from flask import g, request

from agent.api.context import caller, cloud
from agent.errors import Forbidden

READING = frozenset({"GET", "HEAD", "OPTIONS"})


def require_token() -> None:
    """Recognise the caller; `Unauthorized` without a valid token."""
    g.caller = cloud().identity.recognise(request.headers.get("X-Auth-Token"))


def require_member_to_write() -> None:
    """Recognise the caller; `Forbidden` when one who may only look would change something."""
    require_token()
    if request.method not in READING and caller().is_reader_only:
        raise Forbidden("Policy doesn't allow this: the role reader may look and change nothing.")
