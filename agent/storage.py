# SPDX-License-Identifier: Apache-2.0
"""What the workflows and the image use cases ask of the host's disk, made of the adapters.

The adapters know files and formats, not servers; this room knows which file belongs to what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent import disks
from agent.driving import ConfigDrives
from agent.images import ImageFiles
from agent.imaging import Received
from agent.model.image import Image
from agent.model.layout import Layout
from agent.model.server import Server

GIB = 2**30
MIB = 2**20

SAVED_MEMORY = Path("/var/lib/libvirt/qemu/save")
"""Where libvirt keeps the memory of saved guests; made with the first of them."""


@dataclass(frozen=True, slots=True)
class ServerDisks:
    """A server's files: its disk over a cached base, its config drive. Every method may block."""

    layout: Layout
    find_image: Callable[[str], Image]
    drives: ConfigDrives
    reserved_gb: float

    def check_room(self, server: Server) -> None:
        """Raise `NoCapacity` with the numbers when the host's disk could not take the image."""
        image = self.find_image(server.image_id)
        cost = disks.base_cost_bytes(
            self.layout.image(image.id), image.disk_format or "", self.layout.base(image.id)
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
        base = self.layout.base(image_id)
        image = self.find_image(image_id)
        disks.ensure_base(self.layout.image(image_id), image.disk_format or "", base)
        return base

    def create_disk(self, server: Server) -> None:
        """Make the root disk, of the flavor's size or else the image's, unless it is there."""
        disks.make_server_folder(self.layout.server(server.id))
        disks.create_overlay(
            self.layout.base(server.image_id),
            "qcow2",
            self.layout.disk(server.id),
            server.flavor.disk_gb * GIB,  # 0 is the base's own size
        )

    def write_config_drive(self, server: Server) -> None:
        """Make the config drive, unless it is there."""
        path = self.layout.config_drive(server.id)
        if not path.exists():
            self.drives.write(server, path)

    def remove_server(self, server_id: str) -> None:
        """Remove the server's folder with all that is in it; nothing when it is gone."""
        disks.remove_server_files(self.layout.server(server_id))


@dataclass(frozen=True, slots=True)
class LocalImages:
    """The images' bytes, below one state folder. Every method may block."""

    files: ImageFiles
    layout: Layout
    max_bytes: int

    def receive(self, image_id: str, stream: Iterable[bytes], disk_format: str) -> Received:
        """Store and check an image's bytes and make its base; an error leaves nothing behind."""
        got = self.files.receive(
            image_id, stream, disk_format=disk_format, max_bytes=self.max_bytes
        )
        done = False
        try:
            # Now, not with the first build: a conversion takes minutes, and builds have no time.
            disks.ensure_base(self.layout.image(image_id), disk_format, self.layout.base(image_id))
            done = True
        finally:
            if not done:
                self.delete(image_id)
        return Received(got.size, got.virtual_size, got.checksum, got.sha512)

    def is_receiving(self, image_id: str) -> bool:
        """Whether some process is taking an image's bytes now; abandoned files must be swept."""
        folders = (self.layout.images, self.layout.bases)
        return any(part for folder in folders for part in folder.glob(f".{image_id}*.part"))

    def open(self, image_id: str) -> BinaryIO:
        """Open an image's bytes for reading."""
        return self.files.open(image_id)

    def delete(self, image_id: str) -> None:
        """Remove an image's bytes and the base made of them; nothing when there are none."""
        self.files.delete(image_id)
        self.layout.base(image_id).unlink(missing_ok=True)
