# SPDX-License-Identifier: Apache-2.0
"""Which host a new server goes to: a pure function of a list of hosts.

The seed's anti-affinity: spread a project's servers over hosts, then take the most free RAM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import NoCapacity
from agent.model.server import Flavor


@dataclass(frozen=True, slots=True)
class HostLoad:
    """A host's capacity after ratios and reservations, and what is claimed of it."""

    name: str
    vcpus: int
    ram_mb: int  # MiB
    used_vcpus: int = 0
    used_ram_mb: int = 0  # MiB
    project_servers: int = 0  # how many servers of the asking project it has

    @property
    def free_vcpus(self) -> int:
        """vCPUs still to give."""
        return self.vcpus - self.used_vcpus

    @property
    def free_ram_mb(self) -> int:
        """MiB still to give."""
        return self.ram_mb - self.used_ram_mb


def allowed_hosts(hosts: Sequence[HostLoad], requested: str | None) -> Sequence[HostLoad]:
    """The hosts that a server may go to: one, when it was asked for."""
    return [host for host in hosts if requested in (None, host.name)]


def choose_host(hosts: Sequence[HostLoad], flavor: Flavor) -> str:
    """Name the host for a server of this flavor; `NoCapacity` says the numbers when none fits."""
    fitting = [
        host
        for host in hosts
        if host.free_vcpus >= flavor.vcpus and host.free_ram_mb >= flavor.ram_mb
    ]
    if not fitting:
        raise NoCapacity(_no_room(hosts, flavor))
    return min(fitting, key=lambda host: (host.project_servers, -host.free_ram_mb, host.name)).name


def _no_room(hosts: Sequence[HostLoad], flavor: Flavor) -> str:
    free = ", ".join(
        f"{host.name} has {host.free_vcpus} vCPUs and {host.free_ram_mb} MiB free" for host in hosts
    )
    return (
        f"No valid host was found: flavor {flavor.name} needs {flavor.vcpus} vCPUs and "
        f"{flavor.ram_mb} MiB of RAM; {free or 'there is no host'}. "
        "Delete or suspend servers, or choose a smaller flavor."
    )
