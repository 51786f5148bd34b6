# SPDX-License-Identifier: Apache-2.0
"""The use case of making a server: what it names is looked up and must fit, then it is written.

The build itself is the engine's. Its addresses, and what its guest is given, are written with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.actions import ACTIONS
from agent.adminpass import AdminPass
from agent.asking import Asking, new_task
from agent.errors import BadRequest, Conflict, NotFound
from agent.model.booting import FORMATS, find_boot, find_boot_problem
from agent.model.hostname import hostname_of
from agent.model.image import Image, ImageStatus
from agent.model.imagerules import viewer_of
from agent.model.injection import FileLimits, InjectedFile, Injection, check_files
from agent.model.keypair import Keypair
from agent.model.network import NicRequest
from agent.model.quota import Quota
from agent.model.server import Flavor, Server
from agent.model.states import TaskState, VmState
from agent.reaching import Reachability, check_host
from agent.store import Store
from agent.workflows.password import REFUSED

GIB = 2**30


@dataclass(frozen=True, slots=True)
class CreateServer:
    """A create request, parsed: its fields are well-formed, what they name may not exist."""

    name: str
    image_id: str
    flavor_id: str
    nics: tuple[NicRequest, ...] | None = None  # None: the request says nothing of networks
    metadata: Mapping[str, str] = field(default_factory=dict)
    user_data: str | None = field(default=None, repr=False)  # base64
    access_ipv4: str = ""
    access_ipv6: str = ""
    disk_config: str = "MANUAL"
    availability_zone: str | None = None
    key_name: str | None = None
    files: tuple[InjectedFile, ...] = ()
    admin_pass: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CreatedServer:
    """A server that is being built, and the only chance to learn its password."""

    server: Server
    admin_pass: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Creation:
    """Makes servers, for a caller."""

    store: Store
    quota: Quota
    file_limits: FileLimits
    admin_pass: AdminPass
    address_rest_s: float
    availability_zone: str
    now: Callable[[], datetime]
    wake: Callable[[str], None]  # tells the engine that a server wants work
    reachability: Reachability

    def create_server(self, asking: Asking, request: CreateServer) -> CreatedServer:
        """Write a new server and its build into the store, and wake the engine.

        Raises `BadRequest` for an image, flavor, key or file that does not fit, `OverQuota`,
        `Conflict` when no address is free or the network is not clear, and `HostUnavailable` when
        libvirt is away. Nothing is written then.
        """
        check_host(self.reachability)
        flavor = self._flavor(request.flavor_id)
        image = self._image(asking, request.image_id)
        _check_fit(image, flavor)
        boot_ids = self._boot_images(asking, image)
        check_files(request.files, self.file_limits.of_image(image.properties))
        password = self.admin_pass.choose(request.admin_pass, image.properties)
        server = self._draft(asking, request, flavor, image)
        args = {REFUSED: password.refused} if password.refused else {}
        created = self.store.servers.create(
            server,
            new_task(asking, ACTIONS["create"], args),
            quota=self.quota,
            nics=self._nics(asking, request.nics),
            injection=Injection(request.files, password.credential),
            image_ids=[image.id, *boot_ids],
            rest_s=self.address_rest_s,
            now=server.created_at,
        )
        self.wake(server.id)
        return CreatedServer(created, password.clear)

    def _draft(self, asking: Asking, request: CreateServer, flavor: Flavor, image: Image) -> Server:
        """The record of a new server, all but its addresses."""
        keypair = self._keypair(asking, request.key_name)
        zone = request.availability_zone or self.availability_zone
        if zone != self.availability_zone:
            raise BadRequest(f"availability_zone: the only one is '{self.availability_zone}'.")
        server_id, now = str(uuid.uuid4()), self.now()
        return Server(
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

    def _flavor(self, flavor_id: str) -> Flavor:
        try:
            return self.store.catalog.get_flavor(flavor_id)
        except NotFound as error:
            raise BadRequest(f"flavorRef: {error.message}") from error

    def _image(self, asking: Asking, image_id: str) -> Image:
        try:
            return self.store.images.get(image_id, viewer=viewer_of(asking.caller))
        except NotFound as error:
            raise BadRequest(f"imageRef: {error.message}") from error

    def _boot_images(self, asking: Asking, image: Image) -> tuple[str, ...]:
        """The kernel and RAM disk that an image names: the caller must see them, whole."""
        problem = find_boot_problem(image.properties)
        if problem is not None:
            raise BadRequest(f"imageRef: {problem}")
        boot = find_boot(image.properties)
        if boot is None:
            return ()
        for name, disk_format in FORMATS.items():
            wanted = image.properties.get(name)
            if wanted:
                self._check_boot_image(asking, name, wanted, disk_format)
        return boot.image_ids

    def _check_boot_image(self, asking: Asking, name: str, wanted: str, disk_format: str) -> None:
        """Raise `BadRequest`, naming the property, unless the image may be booted by."""
        try:
            found = self.store.images.get(wanted, viewer=viewer_of(asking.caller))
        except NotFound as error:
            raise BadRequest(f"imageRef: Image property {name}: {error.message}") from error
        if found.disk_format != disk_format:
            raise BadRequest(
                f"imageRef: Image property {name}: Image {wanted} has disk_format "
                f"{found.disk_format}; it must be {disk_format}."
            )
        if found.status is not ImageStatus.ACTIVE:
            raise BadRequest(
                f"imageRef: Image property {name}: Image {wanted} is not active, it is "
                f"{found.status}."
            )

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
        project_id = asking.caller.project.id
        for nic in asked:
            try:
                if nic.port_id is None:
                    self.store.networks.get_network(nic.network_id, project_id=project_id)
                else:
                    self.store.networks.get_port(nic.port_id, project_id=project_id)
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
    if image.disk_format in FORMATS.values():
        raise BadRequest(
            f"imageRef: Image {image.id} is {image.disk_format}, no disk: name it by the property "
            "kernel_id or ramdisk_id of an image that is one."
        )
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
