# SPDX-License-Identifier: Apache-2.0
"""What servers claim of their hosts, added up inside the caller's write transaction.

A suspended server claims nothing: its memory is on disk (seed, "SUSPENDED"). One that is on its way
back claims from the moment its action begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, func, or_, select, update

from agent.model.placement import HostLoad, choose_host
from agent.model.server import Flavor, Server, larger
from agent.model.states import TaskState, VmState
from agent.store import rows
from agent.store.schema import servers

RETURNING = (TaskState.RESUMING, TaskState.REBOOTING_HARD)

_CLAIMS = (
    select(
        servers.c.host,
        servers.c.project_id,
        func.sum(servers.c.vcpus).label("vcpus"),
        func.sum(servers.c.ram_mb).label("ram_mb"),
        func.count().label("servers"),
    )
    .where(
        servers.c.host.is_not(None),
        servers.c.deleted_at.is_(None),
        or_(
            servers.c.vm_state != VmState.SUSPENDED,
            servers.c.task_state.in_(RETURNING),
        ),
    )
    .group_by(servers.c.host, servers.c.project_id)
)


_FLAVORS = select(servers.c.flavor, servers.c.old_flavor, servers.c.vcpus, servers.c.ram_mb).where(
    servers.c.id == bindparam("server")
)


def settle_claim(connection: Connection, server_id: str) -> None:
    """Let a server claim what its flavor has; what is resized, the larger of both of its flavors.

    For the end of whatever made it claim more, or less.
    """
    row = connection.execute(_FLAVORS, {"server": server_id}).one()
    size = larger(row.flavor, row.old_flavor) if row.old_flavor else row.flavor
    if (size.vcpus, size.ram_mb) != (row.vcpus, row.ram_mb):
        claim(connection, server_id, size)


def claim(connection: Connection, server_id: str, size: Flavor) -> None:
    """Let a server claim what a flavor has."""
    connection.execute(
        update(servers)
        .where(servers.c.id == server_id)
        .values(vcpus=size.vcpus, ram_mb=size.ram_mb)
    )


def check_growth(
    connection: Connection,
    server: Server,
    more: Flavor,
    offers: Callable[[], Sequence[HostLoad]],
) -> None:
    """Raise `NoCapacity`, with the numbers, when a server's host has no room for so much more."""
    if more.vcpus or more.ram_mb:
        loads = with_claims(connection, offers(), server.project_id)
        choose_host([host for host in loads if host.name == server.host], more)


def with_claims(
    connection: Connection, hosts: Sequence[HostLoad], project_id: str
) -> list[HostLoad]:
    """Add to each host what is claimed of it, and how many servers of the project it has."""
    loads = {host.name: host for host in hosts}
    for claim in connection.execute(_CLAIMS):
        load = loads.get(claim.host)
        if load is None:
            continue
        own = claim.servers if claim.project_id == project_id else 0
        loads[load.name] = replace(
            load,
            used_vcpus=load.used_vcpus + claim.vcpus,
            used_ram_mb=load.used_ram_mb + claim.ram_mb,
            project_servers=load.project_servers + own,
        )
    return list(loads.values())


def check_return(
    connection: Connection, row: rows.AnyRow, offers: Callable[[], Sequence[HostLoad]]
) -> None:
    """Raise `NoCapacity`, with the numbers, when a suspended server's host has no room for it.

    Nothing for a server that claims its share already: then nobody is asked what hosts offer.
    """
    if row.vm_state is not VmState.SUSPENDED or row.task_state in RETURNING:
        return
    own = [
        host for host in with_claims(connection, offers(), row.project_id) if host.name == row.host
    ]
    choose_host(own, row.flavor)
