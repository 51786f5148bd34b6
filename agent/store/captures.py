# SPDX-License-Identifier: Apache-2.0
"""Images that are made of servers: their records, written with the tasks that make them.

An action that makes an image takes its server and writes the image's record in one transaction, so
that there is never one without the other.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from agent.model.image import Image, ImageStatus, MemberStatus
from agent.model.task import NewTask, Task
from agent.store import imageuse
from agent.store.db import Database
from agent.store.images import insert_image
from agent.store.schema import image_members, images, servers
from agent.store.servers import Admission, take


@dataclass(frozen=True, slots=True)
class Captures:
    """The tables `servers`, `tasks` and `images`, where they belong together."""

    db: Database

    def begin(
        self,
        server_id: str,
        task: NewTask,
        admission: Admission,
        image: Image,
        *,
        most: int,
        members: Collection[str] = (),
        is_shelved: bool = False,
        now: datetime,
    ) -> Task:
        """Take a server for an action that makes an image, and write the image's record.

        `members` are projects that it is shared with; with `is_shelved` the server stands on it
        from now on. Raises what `Servers.begin` does, and `LimitExceeded` when the owner has `most`
        images already (-1: no limit); nothing is written then.
        """
        with self.db.write() as connection:
            begun = take(connection, server_id, task, admission, now)
            insert_image(connection, image, most=most)
            for member_id in members:
                connection.execute(
                    insert(image_members).values(
                        image_id=image.id,
                        member_id=member_id,
                        status=MemberStatus.PENDING.value,
                        created_at=now,
                        updated_at=now,
                    )
                )
            if is_shelved:
                own = update(servers).where(servers.c.id == server_id)
                connection.execute(own.values(shelved_image_id=image.id))
            return begun

    def drop(self, image_id: str, *, only_unfinished: bool = False) -> bool:
        """Let an image go that a shelved server stands on, if one does, and remove its record.

        False, and the record stays, where it is protected or another server stands on it, or when
        it is not unfinished and only such a one is meant. True also when there is none: its file
        may be there.
        """
        with self.db.write() as connection:
            image = connection.execute(
                select(images.c.status, images.c.protected).where(images.c.id == image_id)
            ).one_or_none()
            is_unfinished = image is not None and image.status == ImageStatus.SAVING.value
            if only_unfinished and image is not None and not is_unfinished:
                return False
            imageuse.let_go(connection, image_id)
            if image is None:
                return True
            if image.protected or imageuse.is_used(connection, image_id):
                return False
            connection.execute(delete(images).where(images.c.id == image_id))
            return True
