# SPDX-License-Identifier: Apache-2.0
"""Images and their members as the Image API v2 shows them. Pure.

An image's properties stand beside the standard keys.
"""

from __future__ import annotations

from typing import Any

from agent.api.replies import iso_seconds
from agent.model.image import Image, ImageMember


def image_view(image: Image) -> dict[str, Any]:
    """Show an image. Links are paths, as the standard has them here."""
    return {
        **image.properties,
        "id": image.id,
        "name": image.name,
        "status": image.status.value,
        "visibility": image.visibility.value,
        "owner": image.owner,
        "protected": image.protected,
        "os_hidden": image.os_hidden,
        "tags": list(image.tags),
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "checksum": image.checksum,
        "os_hash_algo": image.os_hash_algo,
        "os_hash_value": image.os_hash_value,
        "created_at": iso_seconds(image.created_at),
        "updated_at": iso_seconds(image.updated_at),
        "self": f"/v2/images/{image.id}",
        "file": f"/v2/images/{image.id}/file",
        "schema": "/v2/schemas/image",
    }


def member_view(member: ImageMember) -> dict[str, Any]:
    """Show a project that an image is shared with."""
    return {
        "image_id": member.image_id,
        "member_id": member.member_id,
        "status": member.status.value,
        "created_at": iso_seconds(member.created_at),
        "updated_at": iso_seconds(member.updated_at),
        "schema": "/v2/schemas/member",
    }
