# SPDX-License-Identifier: Apache-2.0
"""Images as the Compute API showed them, before clients asked the Image API. Pure."""

from __future__ import annotations

from typing import Any

from agent.api.parse import FALSE, TRUE
from agent.api.replies import iso_seconds
from agent.model.capture import SERVER
from agent.model.image import Image, ImageStatus

STATUSES = {
    ImageStatus.ACTIVE: "ACTIVE",
    ImageStatus.QUEUED: "SAVING",
    ImageStatus.SAVING: "SAVING",
    ImageStatus.IMPORTING: "SAVING",
}
"""The Compute API's words; it has none for others."""

PROGRESS = {
    ImageStatus.QUEUED: 25,
    ImageStatus.SAVING: 50,
    ImageStatus.IMPORTING: 50,
    ImageStatus.ACTIVE: 100,
}

DISK_CONFIG = "auto_disk_config"


def brief_view(image: Image, base: str) -> dict[str, Any]:
    """Show an image in a list."""
    return {"id": image.id, "name": image.name, "links": _links(image.id, base)}


def image_view(image: Image, base: str) -> dict[str, Any]:
    """Show all of an image."""
    view: dict[str, Any] = {
        "id": image.id,
        "name": image.name,
        "minRam": image.min_ram,
        "minDisk": image.min_disk,
        "metadata": dict(image.properties),
        "created": iso_seconds(image.created_at),
        "updated": iso_seconds(image.updated_at),
        "status": STATUSES.get(image.status, "UNKNOWN"),
        "progress": PROGRESS.get(image.status, 0),
        "OS-EXT-IMG-SIZE:size": image.size,
        "links": _links(image.id, base),
    }
    server_id = image.properties.get(SERVER)
    if server_id is not None:
        view["server"] = {
            "id": server_id,
            "links": [
                {"rel": "self", "href": f"{base}/compute/v2.1/servers/{server_id}"},
                {"rel": "bookmark", "href": f"{base}/compute/servers/{server_id}"},
            ],
        }
    disk_config = image.properties.get(DISK_CONFIG)
    if disk_config in {*TRUE, *FALSE}:
        view["OS-DCF:diskConfig"] = "AUTO" if disk_config in TRUE else "MANUAL"
    return view


def _links(image_id: str, base: str) -> list[dict[str, str]]:
    return [
        {"rel": "self", "href": f"{base}/compute/v2.1/images/{image_id}"},
        {"rel": "bookmark", "href": f"{base}/compute/images/{image_id}"},
        {
            "rel": "alternate",
            "type": "application/vnd.openstack.image",
            "href": f"{base}/image/v2/images/{image_id}",
        },
    ]
