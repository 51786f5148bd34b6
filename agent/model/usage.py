# SPDX-License-Identifier: Apache-2.0
"""How long servers ran, and with how much: pure sums over their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that usage is asked for."""

    start: datetime
    stop: datetime


@dataclass(frozen=True, slots=True)
class ServerUsage:
    """What a server that once ran has used. It may be deleted."""

    server_id: str
    name: str
    project_id: str
    flavor: str  # its name
    vcpus: int
    memory_mb: int
    disk_gb: int
    vm_state: str
    started_at: datetime
    ended_at: datetime | None

    @property
    def state(self) -> str:
        """Its vm_state, or that it is deleted in the standard's word."""
        return self.vm_state if self.ended_at is None else "terminated"

    def hours(self, period: Period) -> float:
        """How many hours of a period it was there."""
        stop = period.stop if self.ended_at is None else min(period.stop, self.ended_at)
        return max(0.0, (stop - max(self.started_at, period.start)).total_seconds() / 3600)

    def uptime_s(self, now: datetime) -> int:
        """Seconds from its first start to its end, or to now."""
        return int(((self.ended_at or now) - self.started_at).total_seconds())


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """What the servers of a project have used together, each hour times its size."""

    project_id: str
    servers: Sequence[ServerUsage]

    def totals(self, period: Period) -> tuple[float, float, float, float]:
        """Hours, vCPU hours, MiB hours and GiB hours of a period."""
        hours = [(server, server.hours(period)) for server in self.servers]
        return (
            sum(each for _, each in hours),
            sum(server.vcpus * each for server, each in hours),
            sum(server.memory_mb * each for server, each in hours),
            sum(server.disk_gb * each for server, each in hours),
        )


def by_project(servers: Sequence[ServerUsage]) -> Sequence[ProjectUsage]:
    """Put servers together by their projects, in the order in which these come."""
    projects = dict.fromkeys(server.project_id for server in servers)
    return [
        ProjectUsage(project_id, [server for server in servers if server.project_id == project_id])
        for project_id in projects
    ]
