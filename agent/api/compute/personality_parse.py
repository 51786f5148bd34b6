# SPDX-License-Identifier: Apache-2.0
"""The field `personality` of a request, checked and made the files that it says. Pure.

The limits on number and size are the use case's: the image has a say in them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from agent.errors import BadRequest
from agent.model.injection import InjectedFile, parse_path

PERSONALITY: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "contents": {"type": "string"}},
        "required": ["path", "contents"],
        "additionalProperties": False,
    },
}


def parse_personality(asked: Sequence[dict[str, str]]) -> tuple[InjectedFile, ...]:
    """Decode files that fit the schema; `BadRequest` names the field that is malformed."""
    return tuple(_file(index, each) for index, each in enumerate(asked))


def _file(index: int, asked: dict[str, str]) -> InjectedFile:
    try:
        path = parse_path(asked["path"])
    except ValueError as error:
        raise BadRequest(f"personality.{index}.path: {error}") from None
    try:
        content = base64.b64decode("".join(asked["contents"].split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"personality.{index}.contents: must be encoded as Base64.") from None
    return InjectedFile(path, content)
