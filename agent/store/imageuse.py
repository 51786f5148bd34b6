# SPDX-License-Identifier: Apache-2.0
"""Which images servers stand on: their own or one to rescue them, with kernel and RAM disk, and the
one that a shelved server's disk is kept in.

A server that is being rebuilt needs those of its new image, too, which its task names.

Looked at within the transaction that makes a server or removes an image, so that neither can
happen between the other's look and its writing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from agent.errors import BadRequest
from agent.model.booting import KERNEL, RAMDISK
from agent.model.image import ImageStatus
from agent.store.schema import images, servers, tasks

_NAMED: tuple[ColumnElement[Any], ...] = (
    servers.c.image_id,
    servers.c.image_properties[KERNEL].as_string(),
    servers.c.image_properties[RAMDISK].as_string(),
    servers.c.shelved_image_id,
    servers.c.rescue["image_id"].as_string(),
    servers.c.rescue["image_properties", KERNEL].as_string(),
    servers.c.rescue["image_properties", RAMDISK].as_string(),
)


_AWAITED: tuple[ColumnElement[str], ...] = tuple(
    tasks.c.args[name].as_string() for name in ("image_id", KERNEL, RAMDISK)
)

_REBUILDS = and_(tasks.c.action == "rebuild", tasks.c.finished_at.is_(None))


def is_used(connection: Connection, image_id: str) -> bool:
    """Whether a server that is not deleted stands on an image."""
    named = or_(*(column == image_id for column in _NAMED))
    statement = select(servers.c.id).where(servers.c.deleted_at.is_(None), named).limit(1)
    awaited = or_(*(column == image_id for column in _AWAITED))
    rebuild = select(tasks.c.id).where(_REBUILDS, awaited).limit(1)
    return any(connection.scalar(each) is not None for each in (statement, rebuild))


def list_used(connection: Connection) -> set[str]:
    """The ids of all images that servers stand on which are not deleted."""
    standing = select(*_NAMED).where(servers.c.deleted_at.is_(None)).distinct()
    awaited = select(*_AWAITED).where(_REBUILDS)
    found = [row for each in (standing, awaited) for row in connection.execute(each)]
    return {image_id for row in found for image_id in row if image_id}


def check_active(connection: Connection, image_ids: Collection[str]) -> None:
    """Raise `BadRequest` unless all these images are there, with their data."""
    active = select(images.c.id).where(
        images.c.id.in_(image_ids), images.c.status == ImageStatus.ACTIVE.value
    )
    gone = set(image_ids) - set(connection.scalars(active))
    if gone:
        raise BadRequest(f"imageRef: Image {min(gone)} is not there, or not active any more.")


def let_go(connection: Connection, image_id: str) -> None:
    """Let no shelved server stand on an image any more."""
    kept = update(servers).where(servers.c.shelved_image_id == image_id)
    connection.execute(kept.values(shelved_image_id=None, shelved_at=None))


def drop_unfinished(connection: Connection, image_id: object) -> None:
    """Remove the record of an image that was being made by a task which is pushed aside.

    Nothing when it was made, or the task makes none. Its bytes go with whoever is at them.
    """
    unfinished = (images.c.id == image_id) & (images.c.status == ImageStatus.SAVING.value)
    if image_id and connection.execute(delete(images).where(unfinished)).rowcount:
        let_go(connection, str(image_id))
