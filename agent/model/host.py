# SPDX-License-Identifier: Apache-2.0
"""Hosts as administrators see them: what one is called, whether it takes servers, what it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.errors import BadRequest


@dataclass(frozen=True, slots=True)
class HostRecord:
    """What is kept of a host: its ids, and what administrators have said of it."""

    id: int  # how the Compute API names it below 2.53
    uuid: str  # and from 2.53 on
    name: str
    created_at: datetime
    updated_at: datetime
    disabled: bool = False  # then it gets no new servers
    disabled_reason: str | None = None
    forced_down: bool = False  # an administrator says that it is down


@dataclass(frozen=True, slots=True)
class HostUsage:
    """What the servers of a host claim of it."""

    vcpus: int = 0
    ram_mb: int = 0  # MiB
    disk_gb: int = 0  # GiB of root disks, as their flavors say
    servers: int = 0
    busy: int = 0  # servers that something is being done to


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """What the servers of a project claim of one host."""

    project_id: str
    usage: HostUsage


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """A host's processor, as libvirt describes it."""

    arch: str = ""
    model: str = ""
    vendor: str = ""
    sockets: int = 1
    cores: int = 1
    threads: int = 1
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """The file system that servers' disks are in, in GiB."""

    total_gb: int
    free_gb: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Hosts that an administrator takes together; their zone is a line of the metadata."""

    id: int
    uuid: str
    name: str
    created_at: datetime
    updated_at: datetime | None = None
    hosts: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def zone(self) -> str | None:
        """The availability zone of its hosts, if it says one."""
        return self.metadata.get(ZONE)


ZONE = "availability_zone"
"""The key of an aggregate's metadata that names the zone of its hosts."""


def check_zone(field: str, zone: str, zones: Collection[str]) -> None:
    """Raise `BadRequest` unless a zone is one of those that servers may be asked into."""
    if zone not in zones:
        there_are = ", ".join(sorted(zones)) or "none now"
        raise BadRequest(
            f"{field}: The requested availability zone is not available; there are: {there_are}."
        )
