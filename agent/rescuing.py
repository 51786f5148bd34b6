# SPDX-License-Identifier: Apache-2.0
"""The use case of a rescue: another system is to run in a server's place, to mend it from there.

The way back, unrescue, needs no more than the table says. What is checked here holds when the
rescue begins; the work is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from agent.actions import ACTIONS
from agent.adminpass import AdminPass
from agent.asking import Asking, admission, new_task
from agent.errors import BadRequest, NotFound
from agent.model.booting import FORMATS, find_boot, find_boot_problem
from agent.model.change import ServerChange
from agent.model.image import Image, ImageStatus
from agent.model.imagerules import viewer_of
from agent.model.server import RescueSystem, Server
from agent.reaching import Reachability, check_host
from agent.store import Store

FIELD = "rescue_image_ref"


@dataclass(frozen=True, slots=True)
class Rescuing:
    """Of the servers that a caller may reach; of another project's, `NotFound`."""

    store: Store
    admin_pass: AdminPass
    now: Callable[[], datetime]
    wake: Callable[[str], None]  # tells the engine that a server wants work
    reachability: Reachability

    def rescue(
        self, asking: Asking, server_id: str, image_id: str | None, password: str | None
    ) -> str:
        """Begin a rescue with an image, else with the server's own; give the system's password.

        `BadRequest` for an image or a password that will not do, `Conflict` in Nova's words when
        the server's state does not allow it, `HostUnavailable` when libvirt is away.
        """
        check_host(self.reachability)
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
        self.wake(server_id)
        return chosen.clear

    def _choose(
        self, asking: Asking, server: Server, image_id: str
    ) -> tuple[RescueSystem, tuple[str, ...]]:
        """The system on an image, and all images that it takes; `BadRequest` says what is wrong."""
        image = self._find(asking, FIELD, image_id)
        if image.disk_format in FORMATS.values():
            raise BadRequest(f"{FIELD}: Image {image_id} is {image.disk_format}, no disk.")
        if image.min_ram > server.flavor.ram_mb:
            raise BadRequest(
                f"{FIELD}: Image {image_id} needs {image.min_ram} MiB of memory, the server's "
                f"flavor has {server.flavor.ram_mb} MiB."
            )
        problem = find_boot_problem(image.properties)
        if problem is not None:
            raise BadRequest(f"{FIELD}: {problem}")
        self._check_boot_files(asking, image.properties)
        boot = find_boot(image.properties)
        files = boot.image_ids if boot else ()
        return RescueSystem(image.id, image.properties), (image.id, *files)

    def _check_boot_files(self, asking: Asking, properties: Mapping[str, str]) -> None:
        for name, disk_format in FORMATS.items():
            wanted = properties.get(name)
            if not wanted:
                continue
            field = f"{FIELD}: Image property {name}"
            found = self._find(asking, field, wanted)
            if found.disk_format != disk_format:
                raise BadRequest(
                    f"{field}: Image {wanted} has disk_format {found.disk_format}; it must be "
                    f"{disk_format}."
                )

    def _find(self, asking: Asking, field: str, image_id: str) -> Image:
        """An image that the caller sees, with its data."""
        try:
            image = self.store.images.get(image_id, viewer=viewer_of(asking.caller))
        except NotFound as error:
            raise BadRequest(f"{field}: {error.message}") from error
        if image.status is not ImageStatus.ACTIVE:
            raise BadRequest(f"{field}: Image {image_id} is not active, it is {image.status}.")
        return image
