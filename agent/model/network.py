# SPDX-License-Identifier: Apache-2.0
"""Networks, subnets and ports, as the Networking API v2.0 names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the API, carried by one libvirt network."""

    id: str
    name: str
    project_id: str
    shared: bool
    libvirt_name: str
    bridge: str
    mode: str  # "isolated" or "nat"
    mtu: int
    created_at: datetime


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


@dataclass(frozen=True, slots=True)
class NicRequest:
    """What a create request asks of one network interface."""

    network_id: str
    fixed_ip: str | None = None
