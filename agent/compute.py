# SPDX-License-Identifier: Apache-2.0
"""The use cases of servers: create, act, delete, look.

A use case checks what needs the store, writes the intent in one transaction, wakes the engine and
answers. It never touches libvirt: that is the engine's.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.actions import ACTIONS, Interrupts
from agent.errors import BadRequest, Conflict, NotFound
from agent.model.hostname import hostname_of
from agent.model.identity import Caller
from agent.model.image import Image, ImageStatus
from agent.model.keypair import Keypair
from agent.model.network import NicRequest
from agent.model.quota import Quota, Usage
from agent.model.server import Flavor, Server
from agent.model.states import TaskState, VmState
from agent.model.task import NewTask, Task
from agent.store import ServerFilter, Store

GIB = 2**30


@dataclass(frozen=True, slots=True)
class CreateServer:
    """A create request, parsed: its fields are well-formed, what they name may not exist."""

    name: str
    image_id: str
    flavor_id: str
    nics: tuple[NicRequest, ...] | None = None  # None: the request says nothing of networks
    metadata: Mapping[str, str] = field(default_factory=dict)
    user_data: str | None = None  # base64
    access_ipv4: str = ""
    access_ipv6: str = ""
    disk_config: str = "MANUAL"
    availability_zone: str | None = None
    key_name: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, under which request id."""

    caller: Caller
    request_id: str  # "req-" and a uuid

    @property
    def scope(self) -> str | None:
        """The project whose servers the caller may reach by id; None is every project."""
        return None if self.caller.is_admin else self.caller.project.id


@dataclass(frozen=True, slots=True)
class Compute:
    """Servers and flavors, for a caller."""

    store: Store
    quota: Quota
    address_rest_s: float
    availability_zone: str
    now: Callable[[], datetime]
    wake: Callable[[str], None]  # tells the engine that a server wants work
    read_console: Callable[[str, int | None], str]  # server id, lines (None: all)

    def create_server(self, asking: Asking, request: CreateServer) -> Server:
        """Write a new server and its build into the store, and wake the engine.

        Raises `BadRequest` for an image, flavor or key that does not fit, `OverQuota`, and
        `Conflict` when no address is free or the network is not clear. Nothing is written then.
        """
        flavor = self._flavor(request.flavor_id)
        image = self._image(asking, request.image_id)
        _check_fit(image, flavor)
        keypair = self._keypair(asking, request.key_name)
        zone = request.availability_zone or self.availability_zone
        if zone != self.availability_zone:
            raise BadRequest(f"availability_zone: the only one is '{self.availability_zone}'.")
        server_id, now = str(uuid.uuid4()), self.now()
        server = Server(
            id=server_id,
            project_id=asking.caller.project.id,
            user_id=asking.caller.user.id,
            name=request.name,
            hostname=hostname_of(request.name, server_id),
            flavor=flavor,
            image_id=image.id,
            image_properties=image.properties,
            vm_state=VmState.BUILDING,
            task_state=TaskState.SCHEDULING,
            created_at=now,
            updated_at=now,
            metadata=request.metadata,
            user_data=request.user_data,
            access_ipv4=request.access_ipv4,
            access_ipv6=request.access_ipv6,
            disk_config=request.disk_config,
            availability_zone=zone,
            key_name=keypair.name if keypair else None,
            public_key=keypair.public_key if keypair else None,
        )
        nics = self._nics(asking, request.nics)
        created = self.store.servers.create(
            server,
            _new_task(asking, "create"),
            quota=self.quota,
            nics=nics,
            rest_s=self.address_rest_s,
            now=now,
        )
        self.wake(server_id)
        return created

    def act(self, asking: Asking, server_id: str, action: str) -> Task:
        """Begin an action of the table on a server, and wake the engine.

        Raises `NotFound`, or `Conflict` in Nova's words when the server's state does not allow it.
        """
        row = ACTIONS[action]
        self.get_server(asking, server_id)
        task = self.store.servers.begin(
            server_id,
            _new_task(asking, action),
            vm_states=row.allowed_from,
            interrupts=None if row.interrupts is Interrupts.EVERYTHING else (),
            now=self.now(),
        )
        self.wake(server_id)
        return task

    def get_server(self, asking: Asking, server_id: str) -> Server:
        """One server; `NotFound` when it is another project's."""
        return self.store.servers.get(server_id, project_id=asking.scope)

    def list_servers(
        self, asking: Asking, *, limit: int, marker: str | None, all_projects: bool = False
    ) -> Sequence[Server]:
        """A page of the caller's servers, newest first; an unknown marker is a `BadRequest`."""
        everything = all_projects and asking.caller.is_admin
        return self.store.servers.list(
            ServerFilter(
                project_id=None if everything else asking.caller.project.id,
                limit=limit,
                marker=marker,
            )
        )

    def console_output(self, asking: Asking, server_id: str, lines: int | None) -> str:
        """The last lines of the serial console; also of a server that is off."""
        return self.read_console(self.get_server(asking, server_id).id, lines)

    def list_flavors(self) -> Sequence[Flavor]:
        """All flavors, the smallest first."""
        return self.store.catalog.list_flavors()

    def get_flavor(self, flavor_id: str) -> Flavor:
        """One flavor, or `NotFound`."""
        return self.store.catalog.get_flavor(flavor_id)

    def usage(self, caller: Caller) -> Usage:
        """What the caller's project uses of its quota."""
        return self.store.servers.usage(caller.project.id)

    def _flavor(self, flavor_id: str) -> Flavor:
        try:
            return self.get_flavor(flavor_id)
        except NotFound as error:
            raise BadRequest(f"flavorRef: {error.message}") from error

    def _image(self, asking: Asking, image_id: str) -> Image:
        try:
            return self.store.catalog.get_image(image_id, project_id=asking.caller.project.id)
        except NotFound as error:
            raise BadRequest(f"imageRef: {error.message}") from error

    def _keypair(self, asking: Asking, name: str | None) -> Keypair | None:
        if name is None:
            return None
        try:
            return self.store.keypairs.get(asking.caller.user.id, name)
        except NotFound as error:
            raise BadRequest("Invalid key_name provided.") from error

    def _nics(self, asking: Asking, asked: tuple[NicRequest, ...] | None) -> tuple[NicRequest, ...]:
        if asked is None:
            return self._default_nics(asking)
        for nic in asked:
            try:
                self.store.networks.get_network(nic.network_id, project_id=asking.caller.project.id)
            except NotFound as error:
                raise BadRequest(f"networks: {error.message}") from error
        return asked

    def _default_nics(self, asking: Asking) -> tuple[NicRequest, ...]:
        """The project's only network, else the only shared one."""
        project_id = asking.caller.project.id
        visible = self.store.networks.list_networks(project_id=project_id)
        own = [network for network in visible if network.project_id == project_id]
        candidates = own or [network for network in visible if network.shared]
        if len(candidates) > 1:
            raise Conflict(
                "Multiple possible networks found, use a Network ID to be more specific."
            )
        return tuple(NicRequest(network.id) for network in candidates)


def _new_task(asking: Asking, action: str) -> NewTask:
    row = ACTIONS[action]
    return NewTask(
        request_id=asking.request_id,
        action=action,
        user_id=asking.caller.user.id,
        project_id=asking.caller.project.id,
        args={},
        deadline_s=row.deadline_s,
        task_state=row.task_state,
    )


def _check_fit(image: Image, flavor: Flavor) -> None:
    """Refuse an image that can't boot on a flavor, with the numbers."""
    if image.status is not ImageStatus.ACTIVE:
        raise BadRequest(f"imageRef: Image {image.id} is not active, it is {image.status}.")
    if image.min_ram > flavor.ram_mb:
        raise BadRequest(
            f"flavorRef: Flavor's memory is too small for requested image: it has "
            f"{flavor.ram_mb} MiB, the image needs {image.min_ram} MiB."
        )
    if not flavor.disk_gb:
        return
    if image.min_disk > flavor.disk_gb:
        raise BadRequest(
            f"flavorRef: Flavor's disk is too small for requested image: it has "
            f"{flavor.disk_gb} GiB, the image needs {image.min_disk} GiB."
        )
    if (image.virtual_size or 0) > flavor.disk_gb * GIB:
        raise BadRequest(
            f"flavorRef: Flavor's disk is too small for requested image: it has "
            f"{flavor.disk_gb * GIB} bytes, the image is {image.virtual_size} bytes."
        )
