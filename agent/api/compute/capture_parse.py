# SPDX-License-Identifier: Apache-2.0
"""Bodies that make images of servers, or put servers away: checked and made typed values. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.compute.metadata_parse import MAX_BYTES, METADATA
from agent.api.microversion import Microversion
from agent.capturing import Target
from agent.errors import BadRequest, OverQuota
from agent.model.capture import Wish

_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
_ROTATION: dict[str, Any] = {
    "type": ["integer", "string"],
    "pattern": r"^[0-9]{1,9}\Z",
    "minimum": 0,
    "maximum": 10**9,
    "description": "a whole number of 0 or more",
}


def _schema(action: str, required: list[str], **properties: Any) -> Draft202012Validator:
    value = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return Draft202012Validator({"type": "object", "properties": {action: value}})


CREATE_IMAGE_SCHEMA = _schema("createImage", ["name"], name=_NAME, metadata=METADATA)
CREATE_BACKUP_SCHEMA = _schema(
    "createBackup",
    ["name", "backup_type", "rotation"],
    name=_NAME,
    backup_type={"type": "string", "maxLength": 255},
    rotation=_ROTATION,
    metadata=METADATA,
)


def parse_wish(asked: Mapping[str, Any], version: Microversion, most: int) -> Wish:
    """Make a wish of the value of createImage or createBackup that fits its schema.

    An error names the field. `most` pairs of metadata may be given, `OverQuota`, at the versions
    that have this limit.
    """
    name = asked["name"].strip()
    if not name or any(unicodedata.category(sign) == "Cc" for sign in name):
        raise BadRequest("name: must have printable characters, and not only white space.")
    metadata: Mapping[str, str] = asked.get("metadata", {})
    if not version.has(changes.NO_IMAGE_METADATA) and 0 <= most < len(metadata):
        raise OverQuota(
            f"metadata: Image metadata limit exceeded: {len(metadata)} pairs were given, {most} "
            "are allowed."
        )
    return Wish(name, check_values(metadata), asked.get("backup_type"))


def check_values(metadata: Mapping[str, str], field: str = "metadata") -> Mapping[str, str]:
    """Raise `BadRequest` for a value that is longer than an image's may be here."""
    for key, value in metadata.items():
        if len(value.encode()) > MAX_BYTES:
            raise BadRequest(f"{field}.{key}: the value is longer than {MAX_BYTES} bytes.")
    return metadata


@cache
def unshelve_schema(version: Microversion) -> Draft202012Validator:
    """What unshelve may say: nothing that is looked at before it may name a zone."""
    value: dict[str, Any] = {}
    zone = {"type": "string", "minLength": 1, "maxLength": 255}
    if version.has(changes.UNSHELVE_HOST):
        value = {
            "type": ["object", "null"],
            "properties": {
                "availability_zone": {**zone, "type": ["string", "null"]},
                "host": {"type": "string"},
            },
            "minProperties": 1,
            "additionalProperties": False,
        }
    elif version.has(changes.UNSHELVE_ZONE):
        value = {
            "type": ["object", "null"],
            "properties": {"availability_zone": zone},
            "required": ["availability_zone"],
            "additionalProperties": False,
        }
    return Draft202012Validator({"type": "object", "properties": {"unshelve": value}})


def parse_target(asked: object, version: Microversion) -> Target | None:
    """Where a server is to be taken out to, of a value that fits the schema; None for anywhere."""
    if not isinstance(asked, Mapping) or not version.has(changes.UNSHELVE_ZONE) or not asked:
        return None
    zone = asked.get("availability_zone", "")
    return Target(zone or None, asked.get("host"), unpins=zone is None)
