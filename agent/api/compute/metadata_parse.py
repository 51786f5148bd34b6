# SPDX-License-Identifier: Apache-2.0
"""The rules of a server's metadata, wherever it comes in: of create requests too. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.api.schemas import body_of
from agent.errors import BadRequest
from agent.model import metakeys

MAX_BYTES = 255
"""Of a key, and of a value in UTF-8."""

METADATA: dict[str, Any] = {
    "type": "object",
    "patternProperties": {rf"^[a-zA-Z0-9\-_:. ]{{1,{MAX_BYTES}}}\Z": {"type": "string"}},
    "additionalProperties": False,
}
"""The schema; a key's characters are one byte each."""


METADATA_SCHEMA = body_of("metadata", METADATA)
ITEM_SCHEMA = body_of("meta", {**METADATA, "minProperties": 1, "maxProperties": 1})


def parse_metadata(metadata: Mapping[str, str], field: str = "metadata") -> Mapping[str, str]:
    """Check what the schema can't: each value's bytes, and keys of ours. An error names the key."""
    problem = metakeys.find_problem(metadata)
    if problem is not None:
        raise BadRequest(f"{field}.{problem}")
    for key, value in metadata.items():
        if len(value.encode()) > MAX_BYTES:
            raise BadRequest(f"{field}.{key}: the value is longer than {MAX_BYTES} bytes.")
    return metadata


def parse_item(body: Mapping[str, Any], key: str) -> Mapping[str, str]:
    """Make one pair of a body that fits the schema; the key in the URL must be the body's."""
    item = parse_metadata(body["meta"], "meta")
    if key not in item:
        raise BadRequest("meta: Request body and URI mismatch")
    return item
