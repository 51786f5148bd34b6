# SPDX-License-Identifier: Apache-2.0
"""/schemas: what an image looks like, for clients that ask before they send."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

routes = Blueprint("image_schemas", __name__)

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
VISIBILITIES = ("public", "private", "shared")

_TEXT_OR_NULL: dict[str, Any] = {"type": ["null", "string"], "maxLength": 255}
_NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_TIME: dict[str, Any] = {"type": "string", "readOnly": True}
_HASH: dict[str, Any] = {"type": ["null", "string"], "readOnly": True}
_BYTES: dict[str, Any] = {"type": ["null", "integer"], "readOnly": True}
_LINK: dict[str, Any] = {"type": "string", "readOnly": True}

WRITABLE: dict[str, Any] = {
    "id": {"type": "string"},
    "name": _TEXT_OR_NULL,
    "owner": _TEXT_OR_NULL,
    "visibility": {"type": "string", "enum": list(VISIBILITIES)},
    "disk_format": {"enum": [None, *DISK_FORMATS]},
    "container_format": {"enum": [None, *CONTAINER_FORMATS]},
    "min_disk": _NUMBER,
    "min_ram": _NUMBER,
    "protected": {"type": "boolean"},
    "os_hidden": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 128},
}

READ_ONLY: dict[str, Any] = {
    "status": {"type": "string", "readOnly": True},
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

IMAGE: dict[str, Any] = {
    "name": "image",
    "properties": {**WRITABLE, **READ_ONLY},
    "additionalProperties": {"type": "string"},
    "links": [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}

IMAGES: dict[str, Any] = {
    "name": "images",
    "properties": {
        "images": {"type": "array", "items": IMAGE},
        "first": {"type": "string"},
        "next": {"type": "string"},
        "schema": {"type": "string"},
    },
    "links": [
        {"rel": "first", "href": "{first}"},
        {"rel": "next", "href": "{next}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}


@routes.get("/schemas/image")
def show_image_schema() -> Response:
    """Describe an image."""
    return jsonify(IMAGE)


@routes.get("/schemas/images")
def show_images_schema() -> Response:
    """Describe a list of images."""
    return jsonify(IMAGES)
