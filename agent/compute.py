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
from typing import Protocol

from agent.actions import ACTIONS, states_showing
from agent.asking import Asking, admission, new_task
from agent.errors import BadRequest, Conflict, HostUnavailable, NotFound
from agent.model.hostname import hostname_of
from agent.model.identity import Caller
from agent.model.image import Image, ImageStatus
from agent.model.keypair import Keypair
from agent.model.network import NicRequest
from agent.model.placement import HostLoad
from agent.model.quota import Quota, Usage
from agent.model.server import Flavor, Server
from agent.model.states import PowerState, TaskState, VmState
from agent.model.task import Task
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
class Wanted:
    """Which servers a list is to show; what is None or empty lets all through."""

    name: str | None = None  # a regular expression, or the name itself
    statuses: tuple[str, ...] = ()  # any of these; a word that is no status matches nothing
    image_id: str | None = None
    flavor_id: str | None = None
    all_projects: bool = False


class Reachability(Protocol):
    """Whether the servers' host answers."""

    @property
    def is_away(self) -> bool:
        """Whether a new action would have to wait."""
        ...

    @property
    def is_known(self) -> bool:
        """Whether what is recorded of its servers can still be believed."""
        ...


@dataclass(frozen=True, slots=True)
class Compute:
    """Servers and flavors, for a caller."""

    store: Store
    quota: Quota
    address_rest_s: float
    availability_zone: str
    now: Callable[[], datetime]
    wake: Callable[[str], None]  # tells the engine that a server wants work
    interrupt: Callable[[str], None]  # the same, of one whose running action was pushed aside
    reachability: Reachability
    offers: Callable[[], Sequence[HostLoad]]  # what the hosts offer, as last seen
    diagnose: Callable[[str], Mapping[str, int]]  # blocks for some seconds at most
    read_console: Callable[[str, int | None], str]  # server id, lines (None: all)

    def create_server(self, asking: Asking, request: CreateServer) -> Server:
        """Write a new server and its build into the store, and wake the engine.

        Raises `BadRequest` for an image, flavor or key that does not fit, `OverQuota`, `Conflict`
        when no address is free or the network is not clear, and `HostUnavailable` when libvirt is
        away. Nothing is written then.
        """
        self._check_host()
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
            new_task(asking, ACTIONS["create"]),
            quota=self.quota,
            nics=nics,
            rest_s=self.address_rest_s,
            now=now,
        )
        self.wake(server_id)
        return created

    def act(self, asking: Asking, server_id: str, action: str) -> Task:
        """Begin an action of the table on a server, and wake the engine.

        Raises `NotFound`, `Conflict` in Nova's words when the server's state does not allow it,
        `NoCapacity` when a suspended server has no room to come back to, and `HostUnavailable`
        when libvirt is away: only a deletion waits for it.
        """
        row = ACTIONS[action]
        self.get_server(asking, server_id)
        if row.end is not VmState.DELETED:
            self._check_host()
        returns = row.end is VmState.ACTIVE and VmState.SUSPENDED in (row.allowed_from or ())
        begun = self.store.servers.begin(
            server_id,
            new_task(asking, row),
            admission(asking, row, self.offers if returns else None),
            now=self.now(),
        )
        if row.interrupts:
            self.interrupt(server_id)
        else:
            self.wake(server_id)
        return begun

    def diagnostics(self, asking: Asking, server_id: str) -> Mapping[str, int]:
        """Counters of a running guest. Blocks for some seconds at most.

        `Conflict` in Nova's words when it is off, `HostUnavailable` when the host does not answer.
        """
        server = self.get_server(asking, server_id)
        self._check_host()
        counters = self.diagnose(server.id) if server.host else {}
        if not counters:
            state = PowerState(server.power_state).name.lower()
            raise Conflict(
                f"Cannot 'get_diagnostics' instance {server_id} while it is in power state {state}"
            )
        return counters

    def is_host_known(self, server: Server) -> bool:
        """Whether what is recorded of a server can still be believed."""
        return self.reachability.is_known

    def get_server(self, asking: Asking, server_id: str) -> Server:
        """One server; `NotFound` when it is another project's."""
        return self.store.servers.get(server_id, project_id=asking.scope)

    def list_servers(
        self, asking: Asking, wanted: Wanted, *, limit: int, marker: str | None
    ) -> Sequence[Server]:
        """A page of the caller's servers, newest first; an unknown marker is a `BadRequest`.

        A status means what is shown now: that of a host that is away too.
        """
        everything = wanted.all_projects and asking.caller.is_admin
        is_host_known = self.reachability.is_known
        return self.store.servers.list(
            ServerFilter(
                project_id=None if everything else asking.caller.project.id,
                limit=limit,
                marker=marker,
                name=wanted.name,
                states=states_showing(wanted.statuses, is_host_known=is_host_known)
                if wanted.statuses
                else None,
                image_id=wanted.image_id,
                flavor_id=wanted.flavor_id,
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

    def _check_host(self) -> None:
        if self.reachability.is_away:
            raise HostUnavailable(
                "The host's libvirt does not answer now; nothing was begun. Try again in a moment, "
                "and if that does not help, look at libvirt on the host."
            )

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
