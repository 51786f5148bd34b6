# SPDX-License-Identifier: Apache-2.0
"""Names and descriptions as the Compute API takes them. Pure."""

from __future__ import annotations

import unicodedata
from typing import Any

from agent.errors import BadRequest

NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
"""The schema of a name; `check_name` has the rest."""

DESCRIPTION: dict[str, Any] = {"type": ["string", "null"], "maxLength": 65535}
"""The schema of a description; `check_description` has the rest."""


def check_name(field: str, name: str) -> str:
    """Give the name; `BadRequest` for white space at its ends or what can't be printed."""
    if name != name.strip():
        raise BadRequest(f"{field}: must not begin or end with white space.")
    if not all(_is_printable(char) for char in name):
        raise BadRequest(f"{field}: must have printable characters only.")
    return name


def check_description(field: str, text: str | None) -> str | None:
    """Give the description; `BadRequest` for controls other than tabs and ends of lines."""
    if text is not None and not all(_is_printable(char) or char.isspace() for char in text):
        raise BadRequest(f"{field}: must have printable characters and white space only.")
    return text


def _is_printable(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind == "Zs" or kind[0] not in "CZ"
