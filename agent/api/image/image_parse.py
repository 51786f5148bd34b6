# SPDX-License-Identifier: Apache-2.0
"""A body that registers an image, checked and made a `CreateImage`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from agent.api.image.attributes import (
    ID,
    MAX_TEXT,
    PROPERTY,
    READ_ONLY,
    WRITABLE,
)
from agent.imaging import CreateImage
from agent.model.imagenames import RESERVED, RESERVED_PREFIX, check_writable

IMAGE_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        # What may not be written is refused by name, as the standard does, not by its type.
        "properties": {**WRITABLE, "id": ID, **{name: {} for name in (*READ_ONLY, *RESERVED)}},
        "patternProperties": {f"^{RESERVED_PREFIX}": {}},
        "propertyNames": {"minLength": 1, "maxLength": MAX_TEXT},
        "additionalProperties": PROPERTY,
    }
)


def parse_image(body: Mapping[str, Any]) -> CreateImage:
    """Make a create request of a body that fits the schema; an error names the attribute."""
    for name in body:
        check_writable(name)
    # A whole number may be written 1.0 in JSON.
    return CreateImage(
        name=body.get("name"),
        id=body["id"].lower() if "id" in body else None,
        disk_format=body.get("disk_format"),
        container_format=body.get("container_format"),
        visibility=body.get("visibility", "shared"),
        owner=body.get("owner"),
        min_disk=int(body.get("min_disk", 0)),
        min_ram=int(body.get("min_ram", 0)),
        protected=body.get("protected", False),
        os_hidden=body.get("os_hidden", False),
        tags=tuple(body.get("tags", [])),
        properties={
            name: value for name, value in body.items() if name not in WRITABLE and name != "id"
        },
    )
