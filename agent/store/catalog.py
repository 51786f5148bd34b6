# SPDX-License-Identifier: Apache-2.0
"""What servers are made from: the records of flavors and images. Image bytes lie elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.image import Image, ImageStatus
from agent.model.server import Flavor
from agent.store import imageuse, rows
from agent.store.db import Database
from agent.store.schema import flavors, images


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables `flavors` and `images`."""

    db: Database

    def list_flavors(self) -> Sequence[Flavor]:
        """All flavors, the smallest first."""
        statement = select(flavors).order_by(
            flavors.c.ram_mb, flavors.c.vcpus, flavors.c.disk_gb, flavors.c.id
        )
        with self.db.read() as connection:
            return [rows.flavor_from(row) for row in connection.execute(statement)]

    def get_flavor(self, flavor_id: str) -> Flavor:
        """One flavor, or `NotFound`."""
        with self.db.read() as connection:
            row = connection.execute(select(flavors).where(flavors.c.id == flavor_id)).one_or_none()
        if row is None:
            raise NotFound(f"Flavor {flavor_id} could not be found.")
        return rows.flavor_from(row)

    def add_flavor(self, flavor: Flavor) -> None:
        """Add a flavor; `Conflict` when its id or name is taken."""
        try:
            with self.db.write() as connection:
                connection.execute(insert(flavors).values(rows.flavor_values(flavor)))
        except IntegrityError as error:
            raise Conflict(
                f"Flavor with ID {flavor.id} or name {flavor.name} already exists."
            ) from error

    def create_image(self, image: Image) -> None:
        """Add an image; `Conflict` when its id is taken."""
        columns = {field.name: getattr(image, field.name) for field in fields(image)}
        try:
            with self.db.write() as connection:
                connection.execute(insert(images).values(rows.image_values(columns)))
        except IntegrityError as error:
            raise Conflict(f"Image {image.id} already exists.") from error

    def get_image(self, image_id: str, *, project_id: str | None) -> Image:
        """One image that is public or this project's (None: anybody's); `NotFound` otherwise."""
        statement = _visible(select(images).where(images.c.id == image_id), project_id)
        with self.db.read() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            raise _no_image(image_id)
        return rows.image_from(row)

    def list_images(
        self,
        *,
        project_id: str | None,
        name: str | None = None,
        status: str | None = None,
        visibility: str | None = None,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
        marker: str | None = None,
        os_hidden: bool | None = False,
    ) -> Sequence[Image]:
        """A page of the images that a project sees, newest first.

        Hidden ones are left out unless asked for (None: both). `BadRequest` for an unknown marker.
        """
        equal = {
            "name": name,
            "status": status,
            "visibility": visibility,
            "os_hidden": os_hidden,
        }
        wanted = {key: value for key, value in equal.items() if value is not None}
        statement = _visible(select(images).filter_by(**wanted), project_id)
        if ids is not None:
            statement = statement.where(images.c.id.in_(ids))
        with self.db.read() as connection:
            if marker is not None:
                statement = statement.where(_after(connection, project_id, marker))
            page = statement.order_by(images.c.created_at.desc(), images.c.id.desc()).limit(limit)
            return [rows.image_from(row) for row in connection.execute(page)]

    def update_image(
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

    def delete_image(self, image_id: str) -> None:
        """Remove an image's record; `NotFound` when there is none, `Conflict` when in use.

        An image is in use while a server that is not deleted was made from it, or is started by
        it as a kernel or RAM disk.
        """
        with self.db.write() as connection:
            if imageuse.is_used(connection, image_id):
                raise Conflict(f"Image {image_id} could not be deleted because it is in use.")
            gone = connection.execute(delete(images).where(images.c.id == image_id))
            if gone.rowcount == 0:
                raise _no_image(image_id)


def _visible(statement: Select[Any], project_id: str | None) -> Select[Any]:
    if project_id is None:
        return statement
    return statement.where(or_(images.c.visibility == "public", images.c.owner == project_id))


def _after(connection: Connection, project_id: str | None, marker: str) -> ColumnElement[bool]:
    last = connection.execute(
        _visible(select(images.c.created_at).where(images.c.id == marker), project_id)
    ).one_or_none()
    if last is None:
        raise BadRequest(f"marker [{marker}] not found")
    return or_(
        images.c.created_at < last.created_at,
        and_(images.c.created_at == last.created_at, images.c.id < marker),
    )


def _no_image(image_id: str) -> NotFound:
    return NotFound(f"No image found with ID {image_id}")
