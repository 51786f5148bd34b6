# SPDX-License-Identifier: Apache-2.0
"""The records of images. Their bytes lie elsewhere.

A viewer is the project that looks: it sees its own images, public and community ones, and those it
is a member of. None sees all: administrators, and the cloud itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import islice

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agent.errors import BadRequest, Conflict, LimitExceeded, NotFound
from agent.model.image import Image, ImageStatus
from agent.model.imagequery import ImageQuery
from agent.store import imageselect, imageuse, rows
from agent.store.db import Database
from agent.store.schema import images


@dataclass(frozen=True, slots=True)
class Images:
    """The table `images`."""

    db: Database

    def create(self, image: Image, *, most: int = -1) -> None:
        """Add an image; `Conflict` when its id is taken.

        `LimitExceeded`, with the numbers, when its owner has `most` images already (-1: no limit).
        """
        try:
            with self.db.write() as connection:
                insert_image(connection, image, most=most)
        except IntegrityError as error:
            raise Conflict(f"Image {image.id} already exists.") from error

    def get(self, image_id: str, *, viewer: str | None) -> Image:
        """One image that the viewer sees; `NotFound` otherwise."""
        with self.db.read() as connection:
            return read_image(connection, image_id, viewer)

    def list(self, query: ImageQuery, *, viewer: str | None) -> Sequence[Image]:
        """The images that are wanted, of those that the viewer sees.

        `BadRequest` for a marker that the viewer does not see.
        """
        with self.db.read() as connection:
            marker = _marker(connection, query.marker, viewer)
            found = connection.execute(imageselect.select_images(query, viewer, marker))
            seen = (rows.image_from(row) for row in found)
            # Tags and properties are JSON, for which SQLite and PostgreSQL share no SQL.
            wanted = (image for image in seen if imageselect.has_words(image, query))
            return list(islice(wanted, query.limit))

    def update(
        self, image_id: str, *, expected_status: ImageStatus | None, **changes: object
    ) -> bool:
        """Set fields of an image (`updated_at` among them), if its status is still the expected.

        None expects any. False, and nothing changed, when it is not, or the image is gone.
        """
        statement = update(images).where(images.c.id == image_id)
        if expected_status is not None:
            statement = statement.where(images.c.status == expected_status.value)
        with self.db.write() as connection:
            return connection.execute(statement.values(rows.image_values(changes))).rowcount == 1

    def edit(self, image_id: str, *, viewer: str | None, change: Callable[[Image], Image]) -> Image:
        """Put a changed image in an image's place, and give it. Nobody comes in between.

        `change` is pure: the database waits for it. What it raises leaves all as it was.
        `NotFound` when the viewer does not see the image.
        """
        with self.db.write() as connection:
            image = change(read_image(connection, image_id, viewer))
            connection.execute(
                update(images).where(images.c.id == image_id).values(_columns(image))
            )
            return image

    def delete(self, image_id: str, *, viewer: str | None, check: Callable[[Image], None]) -> None:
        """Remove the record of an image that the viewer sees and that passes the check.

        `NotFound` otherwise, what `check` raises, and `Conflict` when it is in use: while a server
        that is not deleted was made from it, or is started by it as a kernel or RAM disk.
        """
        with self.db.write() as connection:
            check(read_image(connection, image_id, viewer))
            if imageuse.is_used(connection, image_id):
                raise Conflict(f"Image {image_id} could not be deleted because it is in use.")
            connection.execute(delete(images).where(images.c.id == image_id))


def insert_image(connection: Connection, image: Image, *, most: int) -> None:
    """Add an image, inside a transaction; `LimitExceeded` as `create`."""
    _check_quota(connection, image.owner, most)
    connection.execute(insert(images).values(_columns(image)))


def read_image(connection: Connection, image_id: str, viewer: str | None) -> Image:
    """One image that the viewer sees, inside a transaction; `NotFound` otherwise."""
    statement = select(images).where(images.c.id == image_id, imageselect.seen_by(viewer))
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise no_image(image_id)
    return rows.image_from(row)


def no_image(image_id: str) -> NotFound:
    """Say that there is no such image, in Glance's words."""
    return NotFound(f"No image found with ID {image_id}")


def _check_quota(connection: Connection, owner: str, most: int) -> None:
    if most < 0:
        return
    used = connection.scalar(select(func.count()).where(images.c.owner == owner)) or 0
    if used >= most:
        raise LimitExceeded(
            f"Quota exceeded for images: Requested 1, but already used {used} of {most} images. "
            "Delete one that is not needed."
        )


def _columns(image: Image) -> rows.Values:
    return rows.image_values({field.name: getattr(image, field.name) for field in fields(image)})


def _marker(connection: Connection, marker: str | None, viewer: str | None) -> Image | None:
    if marker is None:
        return None
    try:
        return read_image(connection, marker, viewer)
    except NotFound:
        raise BadRequest(f"marker: no image found with ID {marker}.") from None
