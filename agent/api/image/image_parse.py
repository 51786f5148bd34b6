# SPDX-License-Identifier: Apache-2.0
"""A body that registers an image, checked and made a `CreateImage`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from agent.api.image.schemas import READ_ONLY, WRITABLE
from agent.api.parse import parse_uuid
from agent.errors import BadRequest, Forbidden, OverQuota
from agent.imaging import CreateImage

PROPERTY_NAME_CHARACTERS = 255
RESERVED = frozenset({"location", "deleted", "deleted_at"})

IMAGE_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        # What may not be written is refused by name, as the standard does, not by its type.
        "properties": {**WRITABLE, **{name: {} for name in (*READ_ONLY, *RESERVED)}},
        "propertyNames": {"minLength": 1, "maxLength": PROPERTY_NAME_CHARACTERS},
        "additionalProperties": {"type": "string", "maxLength": 65535},
    }
)


def parse_image(body: Mapping[str, Any], *, project_id: str, max_properties: int) -> CreateImage:
    """Make a create request of a body that fits the schema; an error names the attribute."""
    for name in body:
        if name in READ_ONLY:
            raise Forbidden(f"Attribute '{name}' is read-only.")
        if name in RESERVED:
            raise Forbidden(f"Attribute '{name}' is reserved.")
    if body.get("owner") not in {None, project_id}:
        raise Forbidden("owner: an image is always its maker's project's.")
    properties = {name: value for name, value in body.items() if name not in WRITABLE}
    if len(properties) > max_properties:
        raise OverQuota(
            f"The limit has been exceeded on the number of allowed image properties: "
            f"{len(properties)} were given, {max_properties} are allowed."
        )
    return CreateImage(
        name=body.get("name"),
        id=_image_id(body.get("id")),
        disk_format=body.get("disk_format"),
        container_format=body.get("container_format"),
        visibility=body.get("visibility", "shared"),
        min_disk=body.get("min_disk", 0),
        min_ram=body.get("min_ram", 0),
        protected=body.get("protected", False),
        os_hidden=body.get("os_hidden", False),
        tags=tuple(dict.fromkeys(body.get("tags", []))),
        properties=properties,
    )


def _image_id(asked: str | None) -> str | None:
    if asked is None:
        return None
    image_id = parse_uuid(asked)
    if image_id is None:
        raise BadRequest("id: must be a uuid.")
    return image_id
