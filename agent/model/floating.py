# SPDX-License-Identifier: Apache-2.0
"""Floating addresses: a second one for a server's port, that others than its network reach it by.

The configuration says which addresses there are. They are shown as those of a network `public`,
which no server is ever on: the Networking API calls that an external one.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

from agent.errors import Conflict, Forbidden
from agent.model.network import NOBODY, Network

LARGEST_POOL = 4096
"""Addresses: the host gets each of them that is in use."""

EXTERNAL = "external"
"""The mode of the network that floating addresses are of."""

_SPACE = uuid.UUID("0c7be1f2-8f0e-4c3c-9a43-7f6d1f2a5a52")
_ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)


class SpentError(Conflict):
    """The project has as many floating addresses as it may have."""


class NoneLeftError(Conflict):
    """All floating addresses are given away."""


@dataclass(frozen=True, slots=True)
class FloatingPool:
    """All floating addresses that there are, from the first to the last one."""

    first: IPv4Address
    last: IPv4Address

    @classmethod
    def parse(cls, text: str) -> FloatingPool:
        """Read "192.168.1.200-192.168.1.220", or a subnet; `ValueError` says what is wrong."""
        if "/" in text:
            subnet = IPv4Network(text)
            ends = (subnet[0], subnet[-1]) if subnet.prefixlen > 30 else (subnet[1], subnet[-2])
        else:
            start, dash, end = text.partition("-")
            if not dash:
                raise ValueError(f"{text!r} is neither FIRST-LAST nor a subnet")
            ends = IPv4Address(start.strip()), IPv4Address(end.strip())
        pool = cls(*ends)
        if pool.last < pool.first:
            raise ValueError(f"{pool.last} is before {pool.first}")
        if pool.size > LARGEST_POOL:
            raise ValueError(f"{pool.size} addresses are more than {LARGEST_POOL}")
        wrong = [end for end in ends if end.is_loopback or end.is_multicast or end.is_unspecified]
        if wrong:
            raise ValueError(f"{wrong[0]} is no address of a host")
        return pool

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return int(self.last) - int(self.first) + 1

    def __iter__(self) -> Iterator[IPv4Address]:
        """Each address, in order."""
        return (IPv4Address(number) for number in range(int(self.first), int(self.last) + 1))

    def __contains__(self, address: IPv4Address) -> bool:
        """Whether an address is one of them."""
        return self.first <= address <= self.last

    def overlaps(self, subnet: IPv4Network) -> bool:
        """Whether any of them is of a subnet."""
        return self.first <= subnet[-1] and subnet[0] <= self.last

    def choose(self, taken: Collection[str]) -> str | None:
        """The first address that is not taken; None when all are."""
        return next((str(each) for each in self if str(each) not in taken), None)


@dataclass(frozen=True, slots=True)
class FloatingIp:
    """A floating address that a project has, and the port that it leads to."""

    id: str
    ip: str
    project_id: str
    created_at: datetime
    description: str = ""
    updated_at: datetime | None = None
    revision: int = 1
    tags: tuple[str, ...] = ()  # sorted
    port_id: str | None = None
    fixed_ip: str | None = None  # the port's
    server_id: str | None = None  # whose port it is; a port may wait for one


@dataclass(frozen=True, slots=True, order=True)
class Translation:
    """A floating address that leads to a server, as the host carries it."""

    ip: str
    fixed_ip: str
    port_id: str


def check_no_external(network_id: str, external: str) -> None:
    """Raise `Forbidden`, in Nova's words, where a server is to be on the external network."""
    if network_id and network_id == external:
        raise Forbidden(f"It is not allowed to create an interface on external network {external}")


def external_id(installation: str) -> str:
    """The id of the network that floating addresses are of: the same one for ever."""
    return str(uuid.uuid5(_SPACE, installation))


def external_network(installation: str) -> Network:
    """The network that floating addresses are shown to be of."""
    return Network(
        id=external_id(installation),
        name="public",
        project_id=NOBODY,
        shared=False,
        libvirt_name="",
        bridge="",
        mode=EXTERNAL,
        mtu=1500,
        created_at=_ALWAYS,
        description="Floating addresses: network.floating_pool of the configuration",
    )
