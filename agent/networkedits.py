# SPDX-License-Identifier: Apache-2.0
"""The use cases of networks, subnets and ports that users make, change and delete.

A network that a project makes is one isolated libvirt network with a bridge of its own: its servers
reach each other and the host's end of the bridge, and nothing else. The engine makes and removes it
on the host, by what is recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network

from agent.errors import BadRequest, Conflict, Forbidden
from agent.model.floating import EXTERNAL, FloatingPool
from agent.model.identity import Caller
from agent.model.network import (
    Network,
    Port,
    PortRequest,
    Subnet,
    default_pool,
    host_address,
)
from agent.networking import BRIDGES, Networking, check_admin, is_private
from agent.store import Store
from agent.store.networkedits import overlap

MTU = 1500
LARGEST, SMALLEST = 16, 29
"""Of subnets, as prefix lengths: libvirt gives at most 65,536 addresses by DHCP."""


@dataclass(frozen=True, slots=True)
class NewSubnet:
    """A subnet that is asked for."""

    network_id: str
    cidr: IPv4Network
    name: str = ""
    description: str = ""
    gateway: IPv4Address | None = None
    has_gateway: bool = True
    pool: tuple[IPv4Address, IPv4Address] | None = None
    dns: tuple[str, ...] = ()
    dhcp: bool = True
    project_id: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkEdits:
    """Makes, changes and deletes networks, subnets and ports, for a caller."""

    store: Store
    networking: Networking
    network_quota: int
    port_quota: int
    lab: str  # libvirt's name of the network that init made
    allowed: Sequence[IPv4Network]  # where projects may have their subnets
    taken: Callable[[], Sequence[str]]  # what the host reaches otherwise
    pool: FloatingPool | None  # floating addresses, which the host has
    rest_s: float
    now: Callable[[], datetime]
    changed: Callable[[], None]  # tells the engine that there is something to carry
    filters_changed: Callable[[], None]  # and that ports let something else pass

    def create_network(
        self, caller: Caller, name: str, *, description: str, project_id: str | None, shared: bool
    ) -> Network:
        """Make a network without a subnet.

        `Forbidden` for another project's or a shared one without the role admin, `Conflict` when
        the project has as many as it may have.
        """
        owner = _owner(caller, project_id)
        if shared:
            check_admin(caller, "shared")
        network_id = str(uuid.uuid4())
        short = network_id.replace("-", "")
        network = Network(
            id=network_id,
            name=name,
            project_id=owner,
            shared=shared,
            libvirt_name=f"{self.lab}-{short[:12]}",
            bridge=f"{BRIDGES}{short[:10]}",
            mode="isolated",
            mtu=MTU,
            created_at=self.now(),
            description=description,
        )
        self.store.network_edits.add_network(network, quota=self.network_quota)
        return network

    def update_network(self, caller: Caller, network_id: str, **fields: object) -> Network:
        """Set the name, the description, or whether it is shared (an administrator)."""
        network = own_network(self.networking, caller, network_id)
        if fields.get("shared", network.shared) != network.shared:
            check_admin(caller, "shared")
            self._check_unshared(network)
        if fields:
            self.store.network_edits.update_network(network_id, self.now(), **fields)
        return self.networking.get_network(caller, network_id)

    def delete_network(self, caller: Caller, network_id: str) -> None:
        """Delete a network with its subnet; `Conflict` while ports are on it."""
        network = own_network(self.networking, caller, network_id)
        self._check_made_by_user(network)
        self.store.network_edits.delete_network(network_id)
        self.changed()

    def create_subnet(self, caller: Caller, asked: NewSubnet) -> Subnet:
        """Make the subnet of a network; from now on its servers have addresses.

        `BadRequest` for addresses that overlap others of the host or of this cloud, that the
        configuration does not let projects have, or that do not fit together.
        """
        network = own_network(self.networking, caller, asked.network_id)
        _owner(caller, asked.project_id)
        self._check_cidr(asked)
        host = host_address(asked.cidr, asked.gateway)
        if host not in asked.cidr or host in {asked.cidr[0], asked.cidr[-1]}:
            raise BadRequest(f"gateway_ip: {host} is not an address of {asked.cidr}.")
        first, last = asked.pool or default_pool(asked.cidr, host)
        if not asked.cidr[1] <= first <= last <= asked.cidr[-2]:
            raise BadRequest(f"allocation_pools: {first} - {last} is not within {asked.cidr}.")
        if asked.pool and first <= host <= last:
            raise Conflict(
                f"Gateway ip {host} conflicts with allocation pool {first}-{last}: the host has "
                "that address on the network."
            )
        subnet = Subnet(
            id=str(uuid.uuid4()),
            network_id=network.id,
            name=asked.name,
            cidr=str(asked.cidr),
            gateway_ip=str(host),
            pool_start=str(first),
            pool_end=str(last),
            dns=asked.dns,
            created_at=self.now(),
            dhcp=asked.dhcp,
            description=asked.description,
            has_gateway=asked.has_gateway,
        )
        self.store.network_edits.add_subnet(subnet)
        self.changed()
        return subnet

    def update_subnet(self, caller: Caller, subnet_id: str, **fields: object) -> Subnet:
        """Set the name or the description."""
        subnet = self.networking.get_subnet(caller, subnet_id)
        own_network(self.networking, caller, subnet.network_id)
        if fields:
            self.store.network_edits.update_subnet(subnet_id, self.now(), **fields)
        return self.networking.get_subnet(caller, subnet_id)

    def delete_subnet(self, caller: Caller, subnet_id: str) -> None:
        """Delete a subnet; `Conflict` while ports have addresses of it."""
        subnet = self.networking.get_subnet(caller, subnet_id)
        self._check_made_by_user(own_network(self.networking, caller, subnet.network_id))
        self.store.network_edits.delete_subnet(subnet_id)
        self.changed()

    def create_port(self, caller: Caller, asked: PortRequest) -> Port:
        """Make a port, for a server to come. An empty project is the caller's.

        Raises as the store does, and `BadRequest` for a MAC that the network can't have.
        """
        network = self.networking.get_network(caller, asked.network_id)
        if network.mode == EXTERNAL:
            raise Forbidden(f"Network {network.id} has floating IPs alone: no port is on it.")
        owner = _owner(caller, asked.project_id or None)
        if not is_private(network) and asked.mac and not asked.mac.startswith("fa:16:3e:"):
            raise BadRequest("mac_address: on a shared network of the host it is fa:16:3e:….")
        port = self.store.network_edits.add_port(
            replace(asked, project_id=owner),
            quota=self.port_quota,
            rest_s=self.rest_s,
            now=self.now(),
        )
        self.changed()
        return port

    def update_port(
        self,
        caller: Caller,
        port_id: str,
        *,
        security_groups: Collection[str] | None = None,
        **fields: object,
    ) -> Port:
        """Set the name or the description, or all security groups by their ids.

        `NotFound` for a group that is none of its project's.
        """
        self.networking.get_port(caller, port_id)
        if fields or security_groups is not None:
            self.store.network_edits.update_port(
                port_id, self.now(), security_groups=security_groups, **fields
            )
        if security_groups is not None:
            self.filters_changed()
        return self.networking.get_port(caller, port_id)

    def delete_port(self, caller: Caller, port_id: str) -> None:
        """Delete a port; `Conflict` while a server has it."""
        self.networking.get_port(caller, port_id)
        self.store.network_edits.delete_port(port_id, self.now())
        self.changed()

    def _check_made_by_user(self, network: Network) -> None:
        if not is_private(network):
            raise Conflict(
                f"Network {network.id} was made by `cumulet init`, and servers that name no "
                "network get it: it can't be deleted."
            )

    def _check_unshared(self, network: Network) -> None:
        ports = self.store.networks.list_ports(project_id=None, network_id=network.id)
        if network.shared and any(port.project_id != network.project_id for port in ports):
            raise Conflict(
                f"Unable to reconfigure sharing settings for network {network.name}. "
                "Multiple projects are using it."
            )

    def _check_cidr(self, asked: NewSubnet) -> None:
        cidr = asked.cidr
        if not LARGEST <= cidr.prefixlen <= SMALLEST:
            raise BadRequest(f"cidr: a subnet is from a /{LARGEST} to a /{SMALLEST}, not {cidr}.")
        if not any(cidr.subnet_of(block) for block in self.allowed):
            blocks = ", ".join(map(str, self.allowed)) or "none"
            raise BadRequest(
                f"cidr: projects may have subnets of {blocks} (network.project_subnets in the "
                f"configuration), not {cidr}."
            )
        routes = (IPv4Network(route, strict=False) for route in self.taken())
        if any(map(cidr.overlaps, routes)) or (self.pool and self.pool.overlaps(cidr)):
            raise BadRequest(overlap(str(cidr), asked.network_id))


def own_network(networking: Networking, caller: Caller, network_id: str) -> Network:
    """A network that the caller may change: `Forbidden` for another's that it only sees."""
    network = networking.get_network(caller, network_id)
    if network.mode == EXTERNAL:
        raise Forbidden(
            f"Network {network_id} has floating IPs alone, by network.floating_pool of the "
            "configuration: it can't be changed here."
        )
    if network.project_id != caller.project.id and not caller.is_admin:
        raise Forbidden(
            f"Network {network_id} is another project's: only an administrator changes it."
        )
    return network


def _owner(caller: Caller, project_id: str | None) -> str:
    """The project that is to have what is made; `Forbidden` for another's without being admin."""
    if project_id is not None and project_id != caller.project.id:
        check_admin(caller, "project_id of another project")
    return project_id or caller.project.id
