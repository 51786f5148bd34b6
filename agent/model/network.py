# SPDX-License-Identifier: Apache-2.0
"""Networks, subnets and ports, as the Networking API v2.0 names them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network

NOBODY = ""
"""The project of spare ports: no caller is of it, so none sees them."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the API, carried by one libvirt network."""

    id: str
    name: str
    project_id: str
    shared: bool
    libvirt_name: str
    bridge: str
    mode: str  # "isolated", "nat", "route" or "external"
    mtu: int
    created_at: datetime
    description: str = ""
    updated_at: datetime | None = None
    revision: int = 1
    tags: tuple[str, ...] = ()  # sorted


@dataclass(frozen=True, slots=True)
class Subnet:
    """The (only) IPv4 subnet of a network."""

    id: str
    network_id: str
    name: str
    cidr: str
    gateway_ip: str  # the host's own address on the bridge
    pool_start: str
    pool_end: str
    dns: tuple[str, ...]
    created_at: datetime
    dhcp: bool = True  # else guests have their addresses from their config drives
    description: str = ""
    updated_at: datetime | None = None
    revision: int = 1
    has_gateway: bool = True  # that is shown: its maker wanted none otherwise
    tags: tuple[str, ...] = ()  # sorted

    @property
    def pools(self) -> tuple[tuple[str, str], ...]:
        """The first and the last address of each pool: the host's own one is left out."""
        return tuple(_without(self.pool_start, self.pool_end, self.gateway_ip))


@dataclass(frozen=True, slots=True)
class Port:
    """An address and a MAC on a network, mostly a server's."""

    id: str
    network_id: str
    subnet_id: str
    project_id: str
    server_id: str | None
    name: str
    mac: str
    ip: str
    created_at: datetime
    description: str = ""
    updated_at: datetime | None = None
    revision: int = 1
    is_kept: bool = False  # its maker's own: it stays when its server goes
    tag: str | None = None  # of the nic, for its guest
    tags: tuple[str, ...] = ()  # of the port, for users to find it by; sorted
    security_groups: tuple[str, ...] = ()  # their ids, sorted; (): all is dropped


@dataclass(frozen=True, slots=True)
class NicRequest:
    """What a request asks of one network interface: a network, or a port that is there."""

    network_id: str = ""  # "" when a port is named
    fixed_ip: str | None = None
    port_id: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class PortRequest:
    """A port to be made, for a server or for its maker."""

    network_id: str
    project_id: str
    fixed_ip: str | None = None
    mac: str | None = None
    name: str = ""
    description: str = ""
    security_groups: Collection[str] | None = None  # their ids; None: the default one


def defaults(visible: Sequence[Network], project_id: str) -> Sequence[Network]:
    """Which networks may be meant where a project names none: its own ones, else the shared."""
    own = [network for network in visible if network.project_id == project_id]
    return own or [network for network in visible if network.shared]


def host_address(cidr: IPv4Network, gateway: IPv4Address | None) -> IPv4Address:
    """The host's own address on a subnet's bridge: the gateway's, else the first one."""
    return gateway or cidr[1]


def default_pool(cidr: IPv4Network, host: IPv4Address) -> tuple[IPv4Address, IPv4Address]:
    """All addresses that servers may have, less the host's when it is at an end of them."""
    first, last = cidr[1], cidr[-2]
    if host == first:
        first += 1
    if host == last:
        last -= 1
    return first, last


def _without(start: str, end: str, hole: str) -> Iterator[tuple[str, str]]:
    first, last, out = (IPv4Address(text) for text in (start, end, hole))
    if not first <= out <= last:
        yield start, end
        return
    if first < out:
        yield start, str(out - 1)
    if out < last:
        yield str(out + 1), end
