# SPDX-License-Identifier: Apache-2.0
"""What the workflows and the image use cases ask of the host's disk, made of the adapters.

The adapters know files and formats, not servers; this room knows which file belongs to what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent import disks
from agent.basecache import BaseCache
from agent.conversion import check_virtual_size
from agent.driving import ConfigDrives
from agent.images import UNDECLARED, Declared, ImageFiles, is_image_id
from agent.imaging import Received
from agent.model.booting import FORMATS
from agent.model.image import Image
from agent.model.layout import Layout
from agent.model.password import Credential
from agent.model.server import Server
from agent.qemuimg import check_readable

GIB = 2**30
MIB = 2**20

BOOT_FORMATS = frozenset(FORMATS.values())
"""What QEMU loads itself: no disk, and nothing of its base."""

RAW_FORMATS = {"raw", "iso", "ami"}
"""Of which nothing need be read to know the disk inside."""

LOOK_EVERY_BYTES = 16 * MIB  # of what comes: whether there is room for it

SAVED_MEMORY = Path("/var/lib/libvirt/qemu/save")
"""Where libvirt keeps the memory of saved guests; made with the first of them."""


@dataclass(frozen=True, slots=True)
class ServerDisks:
    """A server's files: its disk over a cached base, its config drive. Every method may block."""

    layout: Layout
    find_image: Callable[[str], Image]
    drives: ConfigDrives
    bases: BaseCache
    reserved_gb: float

    def check_room(self, server: Server) -> None:
        """Raise `NoCapacity` with the numbers when the host's disk could not take the image.

        What the cache holds beyond its limit goes first: deleted servers needed it until now.
        """
        self.bases.trim()
        image = self.find_image(server.image_id)
        cost = self.bases.cost_bytes(
            image.id, image.disk_format or "", image.virtual_size or image.size or 0
        )
        disks.check_room(self.layout.servers, cost + int(self.reserved_gb * GIB))

    def check_save_room(self, server: Server) -> None:
        """Raise `NoCapacity` with the numbers when the server's memory can't be saved."""
        there = next(path for path in (SAVED_MEMORY, *SAVED_MEMORY.parents) if path.is_dir())
        disks.check_room(there, server.flavor.ram_mb * MIB)

    def has_disk(self, server_id: str) -> bool:
        """Whether the server's root disk is there."""
        return self.layout.disk(server_id).is_file()

    def ensure_base(self, image_id: str) -> Path:
        """Make the cached backing file of an image, unless it is there."""
        image = self.find_image(image_id)
        return self.bases.ensure_base(image_id, image.disk_format or "")

    def ensure_boot_file(self, image_id: str) -> Path:
        """Have a kernel or RAM disk where QEMU may read it."""
        return self.bases.ensure_boot_file(image_id)

    def create_disk(self, server: Server) -> None:
        """Make the root disk, of the flavor's size or else the image's, unless it is there."""
        disks.make_server_folder(self.layout.server(server.id))
        disks.create_overlay(
            self.layout.base(server.image_id),
            "qcow2",
            self.layout.disk(server.id),
            server.flavor.disk_gb * GIB,  # 0 is the base's own size
        )

    def restore_disk(self, server: Server, image_id: str) -> None:
        """Make the root disk over its base with what an image holds, unless it is there."""
        image = self.find_image(image_id)
        disks.make_server_folder(self.layout.server(server.id))
        disks.restore_overlay(
            self.layout.base(server.image_id),
            "qcow2",
            self.layout.image(image_id),
            self.layout.disk(server.id),
            max(server.flavor.disk_gb * GIB, image.virtual_size or 0),
            int(self.reserved_gb * GIB),
        )

    def write_config_drive(self, server: Server) -> None:
        """Make the config drive, unless it is there."""
        path = self.layout.config_drive(server.id)
        if not path.exists():
            self.drives.write(server, path)

    def wipe(self, server_id: str) -> None:
        """Remove the server's disks and config drive; what its console printed stays."""
        disks.remove_disks(self.layout.server(server_id))

    def check_copy_room(self, server_id: str) -> None:
        """Raise `NoCapacity` with the numbers when the root disk could not be copied."""
        used = disks.used_bytes(self.layout.disk(server_id))
        disks.check_room(self.layout.server(server_id), used + int(self.reserved_gb * GIB))

    def keep_disk(self, server_id: str) -> None:
        """Keep a copy of the root disk as it is now, unless one is kept."""
        disks.copy_disk(self.layout.disk(server_id), self.layout.kept_disk(server_id))

    def has_kept_disk(self, server_id: str) -> bool:
        """Whether the disk of before a resize is kept."""
        return self.layout.kept_disk(server_id).is_file()

    def drop_kept_disk(self, server_id: str) -> None:
        """Remove the kept disk; nothing when there is none."""
        disks.remove_files(self.layout.kept_disk(server_id))

    def put_disk_back(self, server_id: str) -> None:
        """Let the kept disk be the root disk again; nothing when that is done."""
        disks.put_disk_back(self.layout.kept_disk(server_id), self.layout.disk(server_id))

    def grow_disk(self, server: Server) -> None:
        """Give the root disk the flavor's size; one of the image's own size stays as it is."""
        if server.flavor.disk_gb:
            disks.grow_disk(self.layout.disk(server.id), server.flavor.disk_gb * GIB)

    def create_rescue_disk(self, server: Server) -> None:
        """Make the disk that a server in rescue runs from, unless it is there."""
        if server.rescue is not None:
            base = self.layout.base(server.rescue.image_id)
            disks.create_overlay(base, "qcow2", self.layout.rescue_disk(server.id))

    def write_rescue_drive(self, server: Server, credential: Credential) -> None:
        """Make the config drive of a server in rescue, unless it is there."""
        path = self.layout.rescue_drive(server.id)
        if not path.exists():
            self.drives.write_rescue(server, credential, path)

    def remove_rescue(self, server_id: str) -> None:
        """Remove both of them; nothing when they are gone."""
        disks.remove_files(self.layout.rescue_disk(server_id), self.layout.rescue_drive(server_id))

    def remove_server(self, server_id: str) -> None:
        """Remove the server's folder with all that is in it; nothing when it is gone."""
        disks.remove_server_files(self.layout.server(server_id))


@dataclass(frozen=True, slots=True)
class LocalImages:
    """The images' bytes, below one state folder. Every method may block."""

    files: ImageFiles
    layout: Layout
    bases: BaseCache
    max_bytes: int

    def receive(
        self,
        image_id: str,
        stream: Iterable[bytes],
        disk_format: str,
        declared: Declared = UNDECLARED,
    ) -> Received:
        """Store and check an image's bytes and make its base; an error leaves nothing behind.

        `NoCapacity` as soon as less than what is kept for the host would be free.
        """
        got = self.files.receive(
            image_id,
            self._while_room(stream),
            disk_format=disk_format,
            max_bytes=self.max_bytes,
            declared=declared,
        )
        done = False
        try:
            self.bases.remove(image_id)  # of an upload that died when it was nearly done
            virtual_size = self._prepare(image_id, disk_format, got.virtual_size)
            done = True
        finally:
            if not done:
                self.delete(image_id)
        return Received(got.size, virtual_size, got.checksum, got.sha512)

    def _while_room(self, stream: Iterable[bytes]) -> Iterator[bytes]:
        """Pass a stream on as long as the disk has room: a full one would stop the database too."""
        unseen = LOOK_EVERY_BYTES
        for chunk in stream:
            if unseen >= LOOK_EVERY_BYTES:
                disks.check_room(self.layout.images, self.bases.keep_free_bytes + LOOK_EVERY_BYTES)
                unseen = 0
            unseen += len(chunk)
            yield chunk

    def _prepare(self, image_id: str, disk_format: str, virtual_size: int) -> int:
        """Have QEMU look at the disk and make its base; return the virtual size in bytes."""
        if disk_format in BOOT_FORMATS:
            self.bases.ensure_boot_file(image_id)
            return virtual_size
        if disk_format not in RAW_FORMATS:
            virtual_size = check_readable(self.layout.image(image_id), disk_format)
        if disk_format != "qcow2":
            check_virtual_size(virtual_size, self.max_bytes)
        # Now, not with the first build: a conversion takes minutes, and builds have no time.
        self.bases.ensure_base(image_id, disk_format)
        return virtual_size

    def is_receiving(self, image_id: str) -> bool:
        """Whether some process is taking an image's bytes now; abandoned files must be swept."""
        folders = (self.layout.images, self.layout.bases)
        return any(part for folder in folders for part in folder.glob(f".{image_id}*.part"))

    def list_ids(self) -> AbstractSet[str]:
        """The ids of all images that have files here, and on which no server stands."""
        files = [*self.layout.images.iterdir(), *self.layout.bases.iterdir()]
        found = {path.stem for path in files if is_image_id(path.stem)}
        return found - self.bases.list_needed()

    def open(self, image_id: str) -> BinaryIO:
        """Open an image's bytes for reading."""
        return self.files.open(image_id)

    def delete(self, image_id: str) -> None:
        """Remove an image's bytes and the base made of them; nothing when there are none."""
        self.files.delete(image_id)
        self.bases.remove(image_id)
