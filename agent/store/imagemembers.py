# SPDX-License-Identifier: Apache-2.0
"""Whom images are shared with. A viewer is what it is in `images.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from agent.errors import Conflict, LimitExceeded, NotFound
from agent.model.image import Image, ImageMember, MemberStatus
from agent.store import rows
from agent.store.db import Database
from agent.store.images import read_image
from agent.store.schema import image_members

Check = Callable[[Image], None]
"""Raises when the image does not allow it. Pure: the database waits for it."""


@dataclass(frozen=True, slots=True)
class ImageMembers:
    """The table `image_members`."""

    db: Database

    def add(self, member: ImageMember, *, viewer: str | None, check: Check, most: int) -> None:
        """Add a member to an image that the viewer sees and that passes the check.

        `NotFound`, what `check` raises, `Conflict` for one who is a member already, and
        `LimitExceeded` when the image has `most` members; nothing is written then.
        """
        with self.db.write() as connection:
            check(read_image(connection, member.image_id, viewer))
            if _find(connection, member.image_id, member.member_id) is not None:
                raise Conflict(
                    f"Image {member.image_id} is shared with {member.member_id} already."
                )
            of_image = image_members.c.image_id == member.image_id
            count = connection.scalar(select(func.count()).where(of_image)) or 0
            if count >= most:
                raise LimitExceeded(
                    "The limit has been exceeded on the number of allowed image members: "
                    f"{most} are allowed."
                )
            values = {**asdict(member), "status": member.status.value}
            connection.execute(insert(image_members).values(values))

    def list(self, image_id: str) -> Sequence[ImageMember]:
        """All members of an image, the oldest first."""
        statement = (
            select(image_members)
            .where(image_members.c.image_id == image_id)
            .order_by(image_members.c.created_at, image_members.c.member_id)
        )
        with self.db.read() as connection:
            return [rows.image_member_from(row) for row in connection.execute(statement)]

    def set_status(
        self,
        image_id: str,
        member_id: str,
        status: MemberStatus,
        *,
        viewer: str | None,
        check: Check,
        now: datetime,
    ) -> ImageMember:
        """Note what a member says to an image, and give the member. Raises as `add` does."""
        with self.db.write() as connection:
            check(read_image(connection, image_id, viewer))
            member = _find(connection, image_id, member_id)
            if member is None:
                raise no_member(image_id, member_id)
            statement = update(image_members).where(*_is(image_id, member_id))
            connection.execute(statement.values(status=status.value, updated_at=now))
            return replace(member, status=status, updated_at=now)

    def remove(self, image_id: str, member_id: str, *, viewer: str | None, check: Check) -> None:
        """Take a member from an image. Raises as `add` does."""
        with self.db.write() as connection:
            check(read_image(connection, image_id, viewer))
            gone = connection.execute(delete(image_members).where(*_is(image_id, member_id)))
            if gone.rowcount == 0:
                raise no_member(image_id, member_id)


def no_member(image_id: str, member_id: str) -> NotFound:
    """Say that an image has no such member."""
    return NotFound(f"Image {image_id} is not shared with {member_id}.")


def _find(connection: Connection, image_id: str, member_id: str) -> ImageMember | None:
    row = connection.execute(select(image_members).where(*_is(image_id, member_id))).one_or_none()
    return None if row is None else rows.image_member_from(row)


def _is(image_id: str, member_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return image_members.c.image_id == image_id, image_members.c.member_id == member_id
