# SPDX-License-Identifier: Apache-2.0
"""Which host a new server goes to: a pure function of a list of hosts and of what was asked.

First the hosts that may not take it are left out, each rule saying why; of the others, those that
a soft policy prefers; then the seed's anti-affinity: spread a project's servers over hosts, then
take the most free RAM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import NoCapacity
from agent.model.group import Policy
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
    group_members: int = 0  # how many servers of the asking server's group it has
    zone: str = ""  # the availability zone that it is in
    is_enabled: bool = True  # else an administrator lets it take no new servers

    @property
    def free_vcpus(self) -> int:
        """vCPUs still to give."""
        return self.vcpus - self.used_vcpus

    @property
    def free_ram_mb(self) -> int:
        """MiB still to give."""
        return self.ram_mb - self.used_ram_mb


@dataclass(frozen=True, slots=True)
class Hints:
    """What a request says of a server's place by naming others, servers of the same project."""

    group_id: str | None = None
    same_host: tuple[str, ...] = ()  # as any of these servers
    different_host: tuple[str, ...] = ()  # from all of these

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked."""
        return self == NO_HINTS


NO_HINTS = Hints()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a server asks of its host: the hints, as hosts, its group's rules, its zone and host."""

    zone: str | None = None
    host: str | None = None
    same_as: frozenset[str] | None = None  # None: not asked
    apart_from: frozenset[str] = frozenset()
    policy: Policy | None = None
    max_per_host: int = 1  # of an anti-affinity group

    def problem(self, host: HostLoad, *, is_group_placed: bool) -> str | None:
        """Why this host may not take the server, whatever room it has; None when it may."""
        if not host.is_enabled:
            return "is disabled"
        if self.zone is not None and host.zone != self.zone:
            return f"is not in the availability zone {self.zone}"
        if self.host is not None and host.name != self.host:
            return f"is not {self.host}, which was asked for"
        if self.same_as is not None and host.name not in self.same_as:
            return "has none of the servers that same_host names"
        if host.name in self.apart_from:
            return "has a server that different_host names"
        if self.policy is Policy.ANTI_AFFINITY and host.group_members >= self.max_per_host:
            return f"has {host.group_members} of its anti-affinity group, and no more may be there"
        if self.policy is Policy.AFFINITY and is_group_placed and not host.group_members:
            return "has none of its affinity group, and others have"
        return None

    def rank(self, host: HostLoad) -> int:
        """How far the host is from what a soft policy prefers; the least is the best."""
        if self.policy is Policy.SOFT_AFFINITY:
            return -host.group_members
        if self.policy is Policy.SOFT_ANTI_AFFINITY:
            return host.group_members
        return 0


NO_WISH = Wish()


def choose_host(hosts: Sequence[HostLoad], flavor: Flavor, wish: Wish = NO_WISH) -> str:
    """Name the host for a server of this flavor; `NoCapacity` says why each host is out."""
    is_group_placed = any(host.group_members for host in hosts)
    problems = {
        host.name: wish.problem(host, is_group_placed=is_group_placed) or _lack(host, flavor)
        for host in hosts
    }
    fitting = [host for host in hosts if problems[host.name] is None]
    if not fitting:
        raise NoCapacity(_no_host(problems, flavor))

    def order(host: HostLoad) -> tuple[int, int, int, str]:
        return (wish.rank(host), host.project_servers, -host.free_ram_mb, host.name)

    return min(fitting, key=order).name


def _lack(host: HostLoad, flavor: Flavor) -> str | None:
    if host.free_vcpus >= flavor.vcpus and host.free_ram_mb >= flavor.ram_mb:
        return None
    return f"has {host.free_vcpus} vCPUs and {host.free_ram_mb} MiB free"


def _no_host(problems: dict[str, str | None], flavor: Flavor) -> str:
    reasons = ", ".join(f"{name} {problem}" for name, problem in problems.items())
    lacks_room = any(problem and problem.endswith("free") for problem in problems.values())
    advice = " Delete or suspend servers, or choose a smaller flavor." if lacks_room else ""
    return (
        f"No valid host was found: flavor {flavor.name} needs {flavor.vcpus} vCPUs and "
        f"{flavor.ram_mb} MiB of RAM; {reasons or 'there is no host'}.{advice}"
    )
