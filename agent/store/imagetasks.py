# SPDX-License-Identifier: Apache-2.0
"""Imports of images: each is a row, and its image changes its status in the same transaction.

The open rows are the queue, so what a crash has cut is found here at the next start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from agent.errors import BadRequest, Conflict, HostUnavailable, NotFound, OverQuota
from agent.model.image import ImageStatus
from agent.model.imagetask import DELETED, OPEN, ImageTask, ImageTaskStatus
from agent.store import rows
from agent.store.db import Database
from agent.store.schema import image_tasks, images

KEPT = timedelta(hours=48)
"""So long an ended task is shown."""

SORT_KEYS = frozenset({"created_at", "expires_at", "status", "updated_at"})


@dataclass(frozen=True, slots=True)
class ImageTasks:
    """The table `image_tasks`."""

    db: Database

    def begin(self, task: ImageTask, *, most: int, most_of_owner: int) -> None:
        """Queue a task; its image, which must be queued, is `importing` from now.

        `Conflict` when the image is anything else, `OverQuota` when its owner has so many open
        already, `HostUnavailable` when all together have. Tasks that have expired go.
        """
        with self.db.write() as connection:
            connection.execute(
                delete(image_tasks).where(image_tasks.c.expires_at < task.created_at)
            )
            _end(
                connection, ~_has_image(), task.created_at, ImageTaskStatus.FAILURE, message=DELETED
            )
            owners = connection.execute(select(image_tasks.c.owner).where(_is_open())).scalars()
            counts = Counter(owners)
            if counts[task.owner] >= most_of_owner:
                raise OverQuota(
                    f"{counts[task.owner]} images of this project are being imported, and no more "
                    "may be at once. Wait for one of them, or delete it."
                )
            if counts.total() >= most:
                raise HostUnavailable("Too many images are being imported now: try again later.")
            if not _move(connection, task.image_id, ImageStatus.QUEUED, task.created_at):
                raise Conflict(f"Image {task.image_id} takes data only while it is queued.")
            connection.execute(insert(image_tasks).values(rows.image_task_values(task)))

    def claim(self, now: datetime, claimed: Sequence[ImageTask]) -> ImageTask | None:
        """Take a task to work on: the oldest of those whose owners are served least.

        `claimed` are those that are worked on already, and whose images are not touched: any other
        open task is free, also one that a killed process had claimed.
        """
        images_taken = {task.image_id for task in claimed}
        served = Counter(task.owner for task in claimed)
        with self.db.write() as connection:
            found = connection.execute(
                select(image_tasks)
                .where(_is_open(), image_tasks.c.image_id.not_in(images_taken))
                .order_by(image_tasks.c.created_at, image_tasks.c.id)
            ).all()
            if not found:
                return None
            chosen = min(found, key=lambda row: served[row.owner])
            row = connection.execute(
                update(image_tasks)
                .where(image_tasks.c.id == chosen.id)
                .values(
                    status=ImageTaskStatus.PROCESSING.value,
                    attempts=image_tasks.c.attempts + 1,
                    updated_at=now,
                )
                .returning(image_tasks)
            ).one()
            return rows.image_task_from(row)

    def release(self, task_id: str, now: datetime) -> None:
        """Put a task back into the queue, as if it had not been claimed."""
        with self.db.write() as connection:
            connection.execute(
                update(image_tasks)
                .where(image_tasks.c.id == task_id, _is_open())
                .values(
                    status=ImageTaskStatus.PENDING.value,
                    attempts=image_tasks.c.attempts - 1,
                    updated_at=now,
                )
            )

    def succeed(self, task: ImageTask, changes: Mapping[str, object], now: datetime) -> bool:
        """Make the task's image active, with what was found of it, and end the task.

        False, and nothing done, when it is wanted no more: the image was deleted.
        """
        active = rows.image_values({**changes, "status": ImageStatus.ACTIVE, "updated_at": now})
        with self.db.write() as connection:
            if not _is_wanted(connection, task):
                return False
            connection.execute(update(images).where(images.c.id == task.image_id).values(active))
            this = image_tasks.c.id == task.id
            _end(connection, this, now, ImageTaskStatus.SUCCESS, result={"image_id": task.image_id})
            return True

    def fail(self, task: ImageTask, message: str, now: datetime) -> None:
        """End the task with the cause; its image, if it is still there, waits for data again."""
        this = image_tasks.c.id == task.id
        with self.db.write() as connection:
            if _end(connection, this, now, ImageTaskStatus.FAILURE, message=message):
                _move(connection, task.image_id, ImageStatus.IMPORTING, now)

    def resume(self, now: datetime) -> None:
        """After a start: queue again what was being worked on, and leave no image without a task.

        For the one process that works on the queue, before it does.
        """
        with self.db.write() as connection:
            connection.execute(
                update(image_tasks)
                .where(image_tasks.c.status == ImageTaskStatus.PROCESSING.value)
                .values(status=ImageTaskStatus.PENDING.value, updated_at=now)
            )
            open_task = exists().where(image_tasks.c.image_id == images.c.id, _is_open())
            connection.execute(
                update(images)
                .where(images.c.status == ImageStatus.IMPORTING.value, ~open_task)
                .values(status=ImageStatus.QUEUED.value, updated_at=now)
            )

    def is_wanted(self, task: ImageTask) -> bool:
        """Whether the task is open and its image waits for it."""
        with self.db.read() as connection:
            return _is_wanted(connection, task)

    def get(self, task_id: str) -> ImageTask:
        """One task, or `NotFound`."""
        with self.db.read() as connection:
            row = connection.execute(
                select(image_tasks).where(image_tasks.c.id == task_id)
            ).one_or_none()
        if row is None:
            raise NotFound(f"No task found with ID {task_id}")
        return rows.image_task_from(row)

    def list_of_image(self, image_id: str) -> Sequence[ImageTask]:
        """The tasks of an image, the newest first."""
        statement = (
            select(image_tasks)
            .where(image_tasks.c.image_id == image_id)
            .order_by(image_tasks.c.created_at.desc(), image_tasks.c.id.desc())
        )
        with self.db.read() as connection:
            return [rows.image_task_from(row) for row in connection.execute(statement)]

    def list(
        self,
        *,
        status: str | None = None,
        sort_key: str = "created_at",
        ascending: bool = False,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Sequence[ImageTask]:
        """A page of all tasks; `BadRequest` for a marker that is none."""
        key = image_tasks.c[sort_key]
        statement = select(image_tasks)
        if status is not None:
            statement = statement.where(image_tasks.c.status == status)
        order = (key.asc(), image_tasks.c.id.asc())
        if not ascending:
            order = (key.desc(), image_tasks.c.id.desc())
        with self.db.read() as connection:
            if marker is not None:
                statement = statement.where(_after(connection, key, marker, ascending))
            page = statement.order_by(*order).limit(limit)
            return [rows.image_task_from(row) for row in connection.execute(page)]


def _is_open() -> ColumnElement[bool]:
    return image_tasks.c.status.in_([status.value for status in OPEN])


def _move(connection: Connection, image_id: str, expected: ImageStatus, now: datetime) -> bool:
    """Bring an image from queued to importing, or back."""
    there = {ImageStatus.QUEUED: ImageStatus.IMPORTING, ImageStatus.IMPORTING: ImageStatus.QUEUED}
    changed = connection.execute(
        update(images)
        .where(images.c.id == image_id, images.c.status == expected.value)
        .values(status=there[expected].value, updated_at=now)
    )
    return changed.rowcount == 1


def _is_wanted(connection: Connection, task: ImageTask) -> bool:
    found = connection.execute(
        select(image_tasks.c.id).where(image_tasks.c.id == task.id, _is_open(), _has_image())
    )
    return found.one_or_none() is not None


def _has_image() -> ColumnElement[bool]:
    return exists().where(
        images.c.id == image_tasks.c.image_id, images.c.status == ImageStatus.IMPORTING.value
    )


def _end(
    connection: Connection,
    which: ColumnElement[bool],
    now: datetime,
    status: ImageTaskStatus,
    *,
    message: str = "",
    result: Mapping[str, str] | None = None,
) -> bool:
    """End open tasks; False when there is none."""
    ended = connection.execute(
        update(image_tasks)
        .where(which, _is_open())
        .values(
            status=status.value,
            message=message,
            result=result,
            updated_at=now,
            expires_at=now + KEPT,
        )
    )
    return ended.rowcount > 0


def _after(
    connection: Connection, key: ColumnElement[object], marker: str, ascending: bool
) -> ColumnElement[bool]:
    """What comes after the marker; a time that is not set sorts before all others."""
    value = func.coalesce(key, "")
    last = connection.execute(
        select(value.label("key"), image_tasks.c.id).where(image_tasks.c.id == marker)
    ).one_or_none()
    if last is None:
        raise BadRequest(f"marker [{marker}] not found")
    later = image_tasks.c.id > last.id if ascending else image_tasks.c.id < last.id
    beyond = value > last.key if ascending else value < last.key
    return or_(beyond, and_(value == last.key, later))
