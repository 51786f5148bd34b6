# SPDX-License-Identifier: Apache-2.0
"""The use case of a rescue: another system is to run in a server's place, to mend it from there.

The way back, unrescue, needs no more than the table says. What is checked here holds when the
rescue begins; the work is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from agent.actions import ACTIONS
from agent.adminpass import AdminPass
from agent.asking import Asking, admission, new_task
from agent.bootable import check_disk_image, find_boot_images, find_image
from agent.errors import BadRequest
from agent.model.change import ServerChange
from agent.model.server import RescueSystem, Server
from agent.reaching import Engine, check_host
from agent.store import Store

FIELD = "rescue_image_ref"


@dataclass(frozen=True, slots=True)
class Rescuing:
    """Of the servers that a caller may reach; of another project's, `NotFound`."""

    store: Store
    admin_pass: AdminPass
    now: Callable[[], datetime]
    engine: Engine

    def rescue(
        self, asking: Asking, server_id: str, image_id: str | None, password: str | None
    ) -> str:
        """Begin a rescue with an image, else with the server's own; give the system's password.

        `BadRequest` for an image or a password that will not do, `Conflict` in Nova's words when
        the server's state does not allow it, `HostUnavailable` when libvirt is away.
        """
        check_host(self.engine)
        server = self.store.servers.get(server_id, project_id=asking.scope)
        if image_id is None:
            system = RescueSystem(server.image_id, server.image_properties)
            must_be_there: tuple[str, ...] = ()  # its base is, whatever became of the image
        else:
            system, must_be_there = self._choose(asking, server, image_id)
        chosen = self.admin_pass.take(password, system.image_properties)
        row = ACTIONS["rescue"]
        hidden = asdict(chosen.credential)
        args = {name: value for name, value in hidden.items() if value is not None}
        self.store.servers.begin(
            server_id,
            new_task(asking, row, args),
            admission(asking, row),
            change=ServerChange(rescue=system),
            image_ids=must_be_there,
            now=self.now(),
        )
        self.engine.wake(server_id)
        return chosen.clear

    def _choose(
        self, asking: Asking, server: Server, image_id: str
    ) -> tuple[RescueSystem, tuple[str, ...]]:
        """The system on an image, and all images that it takes; `BadRequest` says what is wrong."""
        image = find_image(self.store, asking, image_id, field=FIELD)
        check_disk_image(image, field=FIELD)
        if image.min_ram > server.flavor.ram_mb:
            raise BadRequest(
                f"{FIELD}: Image {image_id} needs {image.min_ram} MiB of memory, the server's "
                f"flavor has {server.flavor.ram_mb} MiB."
            )
        boot_ids = find_boot_images(self.store, asking, image, field=FIELD)
        return RescueSystem(image.id, image.properties), (image.id, *boot_ids)
