# SPDX-License-Identifier: Apache-2.0
"""Images made of servers' disks, for the workflows: copies in the servers' folders, then images.

# Note [Who wrote the copy]
The copy of a running guest's disk was written by its QEMU, which a guest may have taken over. So
nothing of it is believed: its bytes are taken like those of any upload, into a file that QEMU has
never seen, and that file is checked for being a plain qcow2 which names no other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from agent import disks
from agent.errors import Forbidden, HostFailed, NotFound
from agent.model.capture import BACKUP_TYPE, IMAGE_TYPE, SERVER
from agent.model.image import Image, ImageStatus
from agent.model.imagequery import EVERY_IMAGE, Condition, ImageQuery
from agent.model.layout import Layout
from agent.model.server import Server
from agent.model.sorting import SortKey
from agent.storage import GIB, LocalImages
from agent.store import Store
from agent.wholefile import refusals

CHUNK_BYTES = 2**20
LOOK_EVERY = 16  # chunks: whether the image is still wanted
BLOCK_BYTES = 512  # stat's

COPIES = "copy-*.qcow2"
"""How the copies of a server's disk are called, in its folder."""


@dataclass(frozen=True, slots=True)
class DiskCaptures:
    """The `Captures` of one state folder. Every method may block."""

    database: Store
    files: LocalImages
    layout: Layout
    reserved_gb: float
    now: Callable[[], datetime]

    def check_room(self, server: Server) -> None:
        """Raise `NoCapacity` with the numbers when a copy and its image would not fit."""
        disk = self.layout.disk(server.id)
        with refusals("The server's disk could not be looked at"):
            written = disk.stat().st_blocks * BLOCK_BYTES
            is_one_disk = disk.stat().st_dev == self.layout.images.stat().st_dev
        most = written + disks.measure_flat(self.layout.base(server.image_id))
        disks.check_room(disk.parent, (2 if is_one_disk else 1) * most + self._kept_free)
        disks.check_room(self.layout.images, most + self._kept_free)

    def has_copy(self, server_id: str, task_id: int) -> bool:
        """Whether a copy is there, whole or not."""
        return self.layout.copy(server_id, task_id).exists()

    def flatten(self, server: Server, task_id: int, image_id: str) -> None:
        """Copy a disk that no guest uses, with all that is below it, into one file."""
        copy = self.layout.copy(server.id, task_id)
        with refusals("The former copy could not be removed"):
            copy.unlink(missing_ok=True)

        def look(share: float) -> None:
            self._check_wanted(image_id)

        disks.flatten(self.layout.disk(server.id), copy, self._kept_free, look)

    def check_copy(self, server_id: str, task_id: int) -> None:
        """Raise `HostFailed`, `NoCapacity` or `Forbidden` unless a copy may become an image."""
        copy = self.layout.copy(server_id, task_id)
        if not copy.is_file():
            raise HostFailed("The copy of the server's disk is gone.")
        with refusals("The copy could not be looked at"):
            size = copy.stat().st_size
        if size > self.files.max_bytes:
            raise Forbidden(
                f"The server's disk has {size} bytes as an image; at most {self.files.max_bytes} "
                "bytes are taken here (limits.image_gb)."
            )
        disks.check_room(self.layout.images, size + self._kept_free)

    def store(self, server_id: str, task_id: int, image_id: str) -> None:
        """Make a copy the bytes of its image, which is active then; nothing when it is already."""
        if self._find(image_id).status is not ImageStatus.SAVING:
            return
        chunks = self._read(self.layout.copy(server_id, task_id), image_id)
        got = self.files.receive(image_id, chunks, "qcow2")
        is_active = self.database.images.update(
            image_id,
            expected_status=ImageStatus.SAVING,
            updated_at=self.now(),
            status=ImageStatus.ACTIVE,
            **got.fields(),
        )
        if not is_active:
            self.files.delete(image_id)
            raise _unwanted(image_id)

    def has_copies(self, server_id: str) -> bool:
        """Whether there are copies of a server's disk, of any task."""
        return any(self.layout.server(server_id).glob(COPIES))

    def list_copied(self) -> Collection[str]:
        """The ids of the servers of whose disks there are copies, whole or not."""
        return {copy.parent.name for copy in self.layout.servers.glob(f"*/{COPIES}")}

    def drop_copies(self, server_id: str) -> None:
        """Remove all copies of a server's disk."""
        with refusals("The copy of the server's disk could not be removed"):
            for copy in self.layout.server(server_id).glob(COPIES):
                copy.unlink(missing_ok=True)

    def discard(self, image_id: str) -> None:
        """Remove an image that was not made; nothing when it was, or is gone."""
        if self.database.captures.drop(image_id, only_unfinished=True):
            self.files.delete(image_id)

    def remove(self, image_id: str) -> None:
        """Remove the image that a shelved server stood on, which lets it go.

        It stays where somebody has protected it, or another server stands on it.
        """
        if self.database.captures.drop(image_id):
            self.files.delete(image_id)

    def rotate(self, image_id: str, server_id: str, backup_type: str, keep: int) -> None:
        """Remove the oldest backups of a server, of a type, until `keep` are left."""
        try:
            owner = self._find(image_id).owner
        except NotFound:  # deleted by its owner, who wants no backup any more
            return
        conditions = (
            Condition("owner", "eq", owner),
            Condition("status", "eq", ImageStatus.ACTIVE.value),
        )
        of_kind = {IMAGE_TYPE: "backup", BACKUP_TYPE: backup_type, SERVER: server_id}
        query: ImageQuery = replace(
            EVERY_IMAGE, conditions=conditions, properties=of_kind, sort=(SortKey("created_at"),)
        )
        found = self.database.images.list(query, viewer=None)
        for image in found[keep:]:
            if self.database.captures.drop(image.id):
                self.files.delete(image.id)

    @property
    def _kept_free(self) -> int:
        return int(self.reserved_gb * GIB)

    def _find(self, image_id: str) -> Image:
        try:
            return self.database.images.get(image_id, viewer=None)
        except NotFound:
            raise _unwanted(image_id) from None

    def _check_wanted(self, image_id: str) -> None:
        if self._find(image_id).status is not ImageStatus.SAVING:
            raise _unwanted(image_id)

    def _read(self, copy: Path, image_id: str) -> Iterator[bytes]:
        """Read a copy for as long as its image is wanted."""
        with refusals("The copy could not be read"), copy.open("rb") as file:
            count = 0
            while chunk := file.read(CHUNK_BYTES):
                if count % LOOK_EVERY == 0:
                    self._check_wanted(image_id)
                count += 1
                yield chunk


def _unwanted(image_id: str) -> NotFound:
    return NotFound(f"Image {image_id} was deleted while it was made.")
