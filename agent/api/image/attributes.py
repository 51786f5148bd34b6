# SPDX-License-Identifier: Apache-2.0
"""The attributes of an image as the Image API v2 has them: what may be written, and what as."""

from __future__ import annotations

from typing import Any

from agent.model.image import ImageStatus, Visibility

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")

MAX_TEXT = 255
MAX_PROPERTY_TEXT = 65535

UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

TAG: dict[str, Any] = {"type": "string", "maxLength": MAX_TEXT, "minLength": 1}
PROPERTY: dict[str, Any] = {"type": "string", "maxLength": MAX_PROPERTY_TEXT}

_TEXT_OR_NULL: dict[str, Any] = {"type": ["null", "string"], "maxLength": MAX_TEXT}
_NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_TIME: dict[str, Any] = {"type": "string", "readOnly": True}
_HASH: dict[str, Any] = {"type": ["null", "string"], "readOnly": True}
_BYTES: dict[str, Any] = {"type": ["null", "integer"], "readOnly": True}
_LINK: dict[str, Any] = {"type": "string", "readOnly": True}

WRITABLE: dict[str, Any] = {
    "name": _TEXT_OR_NULL,
    "owner": _TEXT_OR_NULL,
    "visibility": {"type": "string", "enum": [visibility.value for visibility in Visibility]},
    "disk_format": {"type": ["null", "string"], "enum": [None, *DISK_FORMATS]},
    "container_format": {"type": ["null", "string"], "enum": [None, *CONTAINER_FORMATS]},
    "min_disk": _NUMBER,
    "min_ram": _NUMBER,
    "protected": {"type": "boolean"},
    "os_hidden": {"type": "boolean"},
    "tags": {"type": "array", "items": TAG},
}
"""What may be changed at any time (the formats: while the image is queued)."""

ID: dict[str, Any] = {"type": "string", "pattern": UUID, "maxLength": 36, "description": "a uuid"}
"""What may be chosen once, by who registers the image."""

READ_ONLY: dict[str, Any] = {
    "status": {
        "type": "string",
        "enum": [status.value for status in ImageStatus],
        "readOnly": True,
    },
    "size": _BYTES,
    "virtual_size": _BYTES,
    "checksum": _HASH,
    "os_hash_algo": _HASH,
    "os_hash_value": _HASH,
    "created_at": _TIME,
    "updated_at": _TIME,
    "self": _LINK,
    "file": _LINK,
    "schema": _LINK,
    "direct_url": _LINK,
    "locations": {"type": "array", "readOnly": True},
}
