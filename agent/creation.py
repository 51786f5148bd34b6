# SPDX-License-Identifier: Apache-2.0
"""The use case of making a server: what it names is looked up and must fit, then it is written.

The build itself is the engine's. Its addresses, and what its guest is given, are written with it.
"""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.actions import ACTIONS
from agent.adminpass import AdminPass
from agent.asking import Asking, new_task
from agent.bootable import check_disk_image, check_size, find_boot_images, find_flavor, find_image
from agent.errors import BadRequest, Conflict, Forbidden, NotFound
from agent.model.floating import check_no_external
from agent.model.host import check_zone
from agent.model.hostname import hostname_of
from agent.model.image import Image
from agent.model.injection import FileLimits, InjectedFile, Injection, check_files
from agent.model.keypair import Keypair, check_lets_in
from agent.model.network import NicRequest, defaults
from agent.model.placement import NO_HINTS, Hints
from agent.model.quota import ONE, Count, Quota
from agent.model.server import Flavor, Server
from agent.model.states import TaskState, VmState
from agent.reaching import Engine, check_host
from agent.store import Store
from agent.workflows.password import REFUSED

LONGEST_NAME = 255
"""Characters."""


@dataclass(frozen=True, slots=True)
class CreateServer:
    """A create request, parsed: its fields are well-formed, what they name may not exist."""

    name: str
    image_id: str
    flavor_id: str
    nics: tuple[NicRequest, ...] | None = None  # None: what there is is found out; (): none
    needs_network: bool = False  # what is found out may not be none
    metadata: Mapping[str, str] = field(default_factory=dict)
    user_data: str | None = field(default=None, repr=False)  # base64
    access_ipv4: str = ""
    access_ipv6: str = ""
    disk_config: str = "MANUAL"
    availability_zone: str | None = None
    key_name: str | None = None
    files: tuple[InjectedFile, ...] = ()
    admin_pass: str | None = field(default=None, repr=False)
    description: str | None = None
    tags: tuple[str, ...] = ()
    hostname: str | None = None  # None: made of the name
    host: str | None = None  # the only one that it may be placed on: for administrators
    count: Count = ONE
    hints: Hints = NO_HINTS
    security_groups: tuple[str, ...] = ()  # names or ids, for the ports that are made for it


@dataclass(frozen=True, slots=True)
class CreatedServer:
    """The first of the servers that are being built, and the only chance to learn the password."""

    server: Server
    admin_pass: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Creation:
    """Makes servers, for a caller."""

    store: Store
    quota: Quota  # the default one: the store knows what else was set
    file_limits: Callable[[str], FileLimits]  # of a project, by its id
    admin_pass: AdminPass
    address_rest_s: float
    zones: Callable[[], Collection[str]]  # those that have a host which takes servers
    now: Callable[[], datetime]
    engine: Engine
    hosts: Callable[[], Sequence[str]]  # the names of all; may not block
    external_id: str = ""  # of the network that no server is on

    def create_server(self, asking: Asking, request: CreateServer) -> CreatedServer:
        """Write new servers and their builds into the store, and wake the engine.

        Raises `BadRequest` for an image, flavor, key or file that does not fit, `OverQuota`,
        `Forbidden` when a host is named by who is no administrator, `Conflict` when no address is
        free or the network is not clear, and `HostUnavailable` when libvirt is away. Nothing is
        written then: all of them are made, or none.
        """
        self._check_host(asking, request)
        _check_several(request)
        check_host(self.engine)
        flavor = find_flavor(self.store, asking, request.flavor_id)
        image = find_image(self.store, asking, request.image_id)
        check_disk_image(image)
        check_size(image, flavor)
        boot_ids = find_boot_images(self.store, asking, image)
        limits = self.file_limits(asking.caller.project.id)
        check_files(request.files, limits.of_image(image.properties))
        password = self.admin_pass.choose(request.admin_pass, image.properties)
        draft = self._draft(asking, request, flavor, image)
        args = {REFUSED: password.refused} if password.refused else {}
        try:
            created = self.store.servers.create(
                lambda count: _numbered(draft, request.hostname, count),
                new_task(asking, ACTIONS["create"], args),
                count=request.count,
                quota=self.quota,
                nics=self._nics(asking, request),
                injection=Injection(request.files, password.credential),
                hints=request.hints,
                image_ids=[image.id, *boot_ids],
                security_groups=request.security_groups,
                rest_s=self.address_rest_s,
                now=draft.created_at,
            )
        except NotFound as error:  # deleted since it was looked up
            raise BadRequest(error.message) from error
        for server in created:
            self.engine.wake(server.id)
        return CreatedServer(created[0], password.clear)

    def _check_host(self, asking: Asking, request: CreateServer) -> None:
        """Let only administrators name a host, and only one that there is."""
        if request.host is None:
            return
        if not asking.caller.is_admin:
            raise Forbidden("Policy doesn't allow a host to be named: it needs the role admin.")
        if request.host not in self.hosts():
            raise BadRequest(f"host: Compute host {request.host} could not be found.")

    def _draft(self, asking: Asking, request: CreateServer, flavor: Flavor, image: Image) -> Server:
        """The record of a new server, all but its id, its number among others and its addresses."""
        keypair = self._keypair(asking, request.key_name)
        if request.availability_zone is not None:
            check_zone("availability_zone", request.availability_zone, self.zones())
        now = self.now()
        return Server(
            id="",
            project_id=asking.caller.project.id,
            user_id=asking.caller.user.id,
            name=request.name,
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
            availability_zone=request.availability_zone,  # until it has a host: that one's
            pinned_zone=request.availability_zone,
            requested_host=request.host,
            description=request.description,
            tags=request.tags,
            reservation_id=_reservation_id(),
            key_name=keypair.name if keypair else None,
            public_key=keypair.public_key if keypair else None,
        )

    def _keypair(self, asking: Asking, name: str | None) -> Keypair | None:
        if name is None:
            return None
        try:
            keypair = self.store.keypairs.get(asking.caller.user.id, name)
        except NotFound as error:
            raise BadRequest("Invalid key_name provided.") from error
        check_lets_in(keypair)
        return keypair

    def _nics(self, asking: Asking, request: CreateServer) -> tuple[NicRequest, ...]:
        if request.nics is None:
            return self._default_nics(asking, request)
        project_id = asking.caller.project.id
        for nic in request.nics:
            check_no_external(nic.network_id, self.external_id)
            try:
                if nic.port_id is None:
                    self.store.networks.get_network(nic.network_id, project_id=project_id)
                else:
                    self.store.networks.get_port(nic.port_id, project_id=project_id)
            except NotFound as error:
                raise BadRequest(f"networks: {error.message}") from error
        return request.nics

    def _default_nics(self, asking: Asking, request: CreateServer) -> tuple[NicRequest, ...]:
        """The project's only network, else the only shared one."""
        project_id = asking.caller.project.id
        visible = self.store.networks.list_networks(project_id=project_id)
        candidates = defaults(visible, project_id)
        if len(candidates) > 1:
            raise Conflict(
                "Multiple possible networks found, use a Network ID to be more specific."
            )
        if request.needs_network and not candidates:
            raise BadRequest(
                f"networks: Unable to automatically allocate a network for project {project_id}: "
                "it sees none. Make one, or ask for 'none'."
            )
        return tuple(NicRequest(network.id) for network in candidates)


def _check_several(request: CreateServer) -> None:
    """Refuse, for several servers, what only one can have."""
    if request.count.most == 1:
        return
    if request.hostname is not None:
        raise BadRequest("hostname: Unable to allocate a single hostname to multiple instances.")
    if any(nic.port_id for nic in request.nics or ()):
        raise BadRequest(
            "networks: Unable to launch multiple instances with a single configured port ID. "
            "Ask for one server, or name networks instead of ports."
        )
    if any(nic.fixed_ip for nic in request.nics or ()):
        raise BadRequest(
            "networks: Invalid fixed IP and max_count: one address can't be given to several "
            "servers. Ask for one server, or name no fixed_ip."
        )
    if len(f"{request.name}-{request.count.most}") > LONGEST_NAME:
        raise BadRequest(f"name: with its number it must have at most {LONGEST_NAME} characters.")


def _numbered(draft: Server, hostname: str | None, count: int) -> Sequence[Server]:
    """The servers of a request: a number ends the names of several."""
    numbers = [None] if count == 1 else range(1, count + 1)
    return [_numbered_one(draft, hostname, number) for number in numbers]


def _numbered_one(draft: Server, hostname: str | None, number: int | None) -> Server:
    server_id = str(uuid.uuid4())
    return replace(
        draft,
        id=server_id,
        name=draft.name if number is None else f"{draft.name}-{number}",
        hostname=hostname or hostname_of(draft.name, server_id, number),
        launch_index=(number or 1) - 1,
    )


def _reservation_id() -> str:
    letters = string.ascii_lowercase + string.digits
    return "r-" + "".join(secrets.choice(letters) for _ in range(8))
