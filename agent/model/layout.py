# SPDX-License-Identifier: Apache-2.0
"""Where everything of the state folder lies. Ids are uuids that we made: no user's text gets here.

The names end so that the AppArmor helper of Debian and Ubuntu lets QEMU read what it must.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one state folder."""

    state: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.state / "cumulet.db"

    @property
    def lock(self) -> Path:
        """Held by the one process whose engine drives this state folder."""
        return self.state / "engine.lock"

    @property
    def secret_key(self) -> Path:
        """What passwords are sealed with on their way into a guest that takes no hash."""
        return self.state / "secret.key"

    @property
    def init_lock(self) -> Path:
        """Held by the one `cumulet init` that is at work in this state folder."""
        return self.state / "init.lock"

    @property
    def servers(self) -> Path:
        """Holds one folder a server."""
        return self.state / "servers"

    @property
    def images(self) -> Path:
        """Holds one file an image, as it was uploaded."""
        return self.state / "images"

    @property
    def bases(self) -> Path:
        """Holds the cached backing files of overlays, and kernels."""
        return self.state / "base"

    def server(self, server_id: str) -> Path:
        """The folder of one server."""
        return self.servers / server_id

    def disk(self, server_id: str) -> Path:
        """A server's root disk."""
        return self.server(server_id) / "disk.qcow2"

    def copy(self, server_id: str, task_id: int) -> Path:
        """A flat copy of a server's root disk, for as long as a task makes an image of it."""
        return self.server(server_id) / f"copy-{task_id}.qcow2"

    def kept_disk(self, server_id: str) -> Path:
        """A server's root disk as it was before a resize, until that is confirmed or reverted."""
        return self.server(server_id) / "disk.resize.qcow2"

    def config_drive(self, server_id: str) -> Path:
        """A server's config drive."""
        return self.server(server_id) / "config.iso"

    def rescue_disk(self, server_id: str) -> Path:
        """What a server in rescue runs from."""
        return self.server(server_id) / "disk.rescue.qcow2"

    def rescue_drive(self, server_id: str) -> Path:
        """The config drive of a server in rescue."""
        return self.server(server_id) / "config.rescue.iso"

    def console_log(self, server_id: str) -> Path:
        """What a server's serial console printed."""
        return self.server(server_id) / "console.log"

    def image(self, image_id: str) -> Path:
        """An image's bytes."""
        return self.images / image_id

    def base(self, image_id: str) -> Path:
        """The cached backing file made of an image: always qcow2."""
        return self.bases / f"{image_id}.qcow2"

    def boot_file(self, image_id: str) -> Path:
        """A kernel or initial RAM disk, where QEMU may read it."""
        return self.bases / f"{image_id}.img"
