# SPDX-License-Identifier: Apache-2.0
"""Hosts: what administrators have said of them, and what their servers claim."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, case, delete, func, insert, select, update

from agent.errors import NotFound
from agent.model.host import HostRecord, HostUsage, ProjectUsage
from agent.model.server import Server
from agent.store import loading, places, rows
from agent.store.db import Database
from agent.store.placeschema import aggregate_hosts, hosts
from agent.store.schema import servers


@dataclass(frozen=True, slots=True)
class Hosts:
    """The table `hosts`, and sums over the servers of each."""

    db: Database

    def ensure(self, name: str, now: datetime) -> HostRecord:
        """The record of a host; it is made when the host is first heard of."""
        with self.db.read() as connection:
            row = connection.execute(_BY_NAME, {"name": name}).one_or_none()
        if row is not None:
            return _host_from(row)
        with self.db.write() as connection:
            if connection.execute(_BY_NAME, {"name": name}).one_or_none() is None:
                connection.execute(
                    insert(hosts).values(
                        uuid=str(uuid.uuid4()),
                        name=name,
                        disabled=False,
                        forced_down=False,
                        created_at=now,
                        updated_at=now,
                    )
                )
            return _host_from(connection.execute(_BY_NAME, {"name": name}).one())

    def list(self) -> Sequence[HostRecord]:
        """All hosts that were ever heard of, by their ids."""
        with self.db.read() as connection:
            return [_host_from(row) for row in connection.execute(_ALL)]

    def change(self, name: str, now: datetime, **fields: object) -> HostRecord:
        """Set fields of a host, or `NotFound`."""
        with self.db.write() as connection:
            changed = connection.execute(
                update(hosts).where(hosts.c.name == name).values(**fields, updated_at=now)
            )
            if changed.rowcount == 0:
                raise NotFound(f"Compute host {name} could not be found.")
            return _host_from(connection.execute(_BY_NAME, {"name": name}).one())

    def forget(self, name: str) -> None:
        """Remove the record of a host, and it from all aggregates."""
        with self.db.write() as connection:
            connection.execute(delete(aggregate_hosts).where(aggregate_hosts.c.host == name))
            connection.execute(delete(hosts).where(hosts.c.name == name))

    def zones(self) -> Mapping[str, str]:
        """The availability zones of those hosts that an aggregate puts into one."""
        with self.db.read() as connection:
            return places.read_zones(connection)

    def usage(self, name: str) -> Sequence[ProjectUsage]:
        """What the servers of a host claim of it, project by project; suspended ones too."""
        with self.db.read() as connection:
            return [_usage_from(row) for row in connection.execute(_USAGE, {"name": name})]

    def list_servers(self, name: str) -> Sequence[Server]:
        """The servers on a host, of all projects, the oldest first."""
        with self.db.read() as connection:
            of_host = select(servers).where(servers.c.host == name, servers.c.deleted_at.is_(None))
            return loading.list_servers(
                connection, of_host.order_by(servers.c.created_at, servers.c.id)
            )


def _host_from(row: rows.AnyRow) -> HostRecord:
    return HostRecord(**row._mapping)


def _usage_from(row: rows.AnyRow) -> ProjectUsage:
    usage = HostUsage(row.vcpus, row.ram_mb, row.disk_gb, row.servers, row.busy)
    return ProjectUsage(row.project_id, usage)


_ALL = select(hosts).order_by(hosts.c.id)
_BY_NAME = select(hosts).where(hosts.c.name == bindparam("name"))
_USAGE = (
    select(
        servers.c.project_id,
        func.sum(servers.c.vcpus).label("vcpus"),
        func.sum(servers.c.ram_mb).label("ram_mb"),
        func.sum(servers.c.flavor["disk_gb"].as_integer()).label("disk_gb"),
        func.count().label("servers"),
        func.sum(case((servers.c.task_state.is_not(None), 1), else_=0)).label("busy"),
    )
    .where(servers.c.host == bindparam("name"), servers.c.deleted_at.is_(None))
    .group_by(servers.c.project_id)
    .order_by(servers.c.project_id)
)
