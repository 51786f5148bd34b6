# SPDX-License-Identifier: Apache-2.0
"""Whose a user's things are: its own and, to look after, an administrator's.

To anybody else the user looks as if it were not there.
"""

from __future__ import annotations

from agent.errors import NotFound
from agent.model.identity import Bearer


def check_oneself(bearer: Bearer, user_id: str) -> None:
    """Raise `NotFound` unless this is the bearer itself, or the bearer an administrator."""
    if user_id != bearer.user.id and not bearer.is_admin:
        raise no_user(user_id)


def no_user(user_id: str) -> NotFound:
    """Say that there is no such user."""
    return NotFound(f"Could not find user: {user_id}.")
