# SPDX-License-Identifier: Apache-2.0
"""The image that a server's disk becomes: what its record says. Pure.

It has the properties of the image that its server was made from, those that say what it is, and
what its maker gave, which comes before the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.model.identity import Caller
from agent.model.image import Image, ImageStatus, Visibility
from agent.model.server import Server

MAKES = "makes_image"
"""In the args of a task that makes an image: its id. Until it is made, the image is `saving`."""

IMAGE_TYPE, BACKUP_TYPE, SERVER = "image_type", "backup_type", "instance_uuid"

NOT_INHERITED = frozenset(
    {
        *("cache_in_nova", "bittorrent", "img_block_device_mapping", "img_root_device_name"),
        *("img_signature", "img_signature_hash_method", "img_signature_key_type"),
        *("img_signature_certificate_uuid", "img_mappings"),
        *("cinder_encryption_key_id", "cinder_encryption_key_deletion_policy"),
        *("instance_owner", BACKUP_TYPE),
    }
)
"""Properties that are an image's own, and none of the disk in it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: a snapshot unless `backup_type` says which kind of backup."""

    name: str
    metadata: Mapping[str, str]
    backup_type: str | None = None


def image_of(
    server: Server, base: Image | None, wish: Wish, image_id: str, caller: Caller, now: datetime
) -> Image:
    """Make the record of an image that waits for the disk of a server.

    `base` is what the server was made from, as far as it is still there. Somebody else's server
    (an administrator can ask for it) gives an image that its project is to be made a member of.
    """
    is_own = server.project_id == caller.project.id
    least_disk = base.min_disk if base else 0
    return Image(
        id=image_id,
        name=wish.name,
        owner=caller.project.id,
        status=ImageStatus.SAVING,
        visibility=Visibility.PRIVATE if is_own else Visibility.SHARED,
        created_at=now,
        updated_at=now,
        disk_format="qcow2",
        container_format="bare",
        min_disk=server.flavor.disk_gb or least_disk,
        min_ram=base.min_ram if base else 0,
        properties=_properties(server, wish, caller),
    )


def _properties(server: Server, wish: Wish, caller: Caller) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in server.image_properties.items()
        if name not in NOT_INHERITED and not name.startswith("os_glance")
    }
    own = {
        "base_image_ref": server.image_id,
        "boot_roles": ",".join(sorted(role.name for role in caller.roles)),
        "owner_id": server.project_id,
        "owner_project_name": caller.project.name,
        "owner_user_name": caller.user.name,
        "user_id": caller.user.id,
        "image_location": "snapshot",
        "image_state": "available",
        SERVER: server.id,
        IMAGE_TYPE: "backup" if wish.backup_type is not None else "snapshot",
    }
    if server.project_id != caller.project.id:
        own["instance_owner"] = server.project_id
    given = dict(wish.metadata)
    if wish.backup_type is not None:
        given[BACKUP_TYPE] = wish.backup_type
    return {**inherited, **own, **given}
