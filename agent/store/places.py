# SPDX-License-Identifier: Apache-2.0
"""What is kept of where servers may go: hints of requests, zones, disabled hosts, groups.

For the caller's write transaction: what was read still holds when the server's host is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from agent.model.group import Policy
from agent.model.host import ZONE
from agent.model.placement import Hints, HostLoad, Wish
from agent.model.server import Server
from agent.store import groups, rows
from agent.store.placeschema import (
    aggregate_hosts,
    aggregates,
    hosts,
    placement_hints,
    server_group_members,
)
from agent.store.schema import servers


def keep_hints(connection: Connection, server: Server, hints: Hints, *, most_members: int) -> None:
    """Write what a request said of its server's place; raises what `groups.join` does."""
    if hints.group_id is not None:
        groups.join(connection, server.id, server.project_id, hints.group_id, most=most_members)
    if hints.is_empty:
        return
    said = {name: value for name, value in asdict(hints).items() if value}
    connection.execute(insert(placement_hints).values(server_id=server.id, hints=said))


def with_standing(connection: Connection, loads: Sequence[HostLoad]) -> list[HostLoad]:
    """Say of each host in which zone it is, and whether it may take new servers.

    A host that no aggregate puts into a zone stays in the one that it came with.
    """
    disabled = set(connection.execute(_DISABLED).scalars())
    zones = read_zones(connection)
    return [
        replace(load, zone=zones.get(load.name, load.zone), is_enabled=load.name not in disabled)
        for load in loads
    ]


def read_zones(connection: Connection) -> dict[str, str]:
    """The zones of those hosts that an aggregate puts into one."""
    found = connection.execute(_ZONED)
    return {row.host: row.metadata[ZONE] for row in found if row.metadata.get(ZONE)}


def wish_of(
    connection: Connection, server: rows.AnyRow, loads: Sequence[HostLoad]
) -> tuple[Wish, list[HostLoad]]:
    """What a server asks of its host, and the hosts with what they have of its group.

    Of its row are read id, project_id, pinned_zone and requested_host.
    """
    said = connection.scalar(_HINTS, {"server": server.id}) or {}
    hints = _hints_from(said)
    same = _hosts_of(connection, server.project_id, hints.same_host) if hints.same_host else None
    wish = Wish(
        zone=server.pinned_zone,
        host=server.requested_host,
        same_as=same,
        apart_from=_hosts_of(connection, server.project_id, hints.different_host),
    )
    group = groups.find_group_of(connection, server.id)
    if group is None:
        return wish, list(loads)
    counts = {row.host: row.members for row in connection.execute(_MEMBERS, {"group": group.id})}
    counted = [replace(load, group_members=counts.get(load.name, 0)) for load in loads]
    most = group.max_server_per_host or 1
    return replace(wish, policy=Policy(group.policy), max_per_host=most), counted


def _hints_from(said: Mapping[str, Any]) -> Hints:
    lists = {name: tuple(value) for name, value in said.items() if isinstance(value, list)}
    return Hints(**{**said, **lists})


def _hosts_of(
    connection: Connection, project_id: str, server_ids: Collection[str]
) -> frozenset[str]:
    """Where servers of a project are; those of another look as if they were not there."""
    if not server_ids:
        return frozenset()
    found = connection.execute(
        select(servers.c.host).where(
            servers.c.id.in_(list(server_ids)),
            servers.c.project_id == project_id,
            servers.c.deleted_at.is_(None),
            servers.c.host.is_not(None),
        )
    )
    return frozenset(found.scalars())


_DISABLED = select(hosts.c.name).where(hosts.c.disabled)
_ZONED = (
    select(aggregate_hosts.c.host, aggregates.c.metadata)
    .join(aggregates, aggregates.c.id == aggregate_hosts.c.aggregate_id)
    .order_by(aggregates.c.id)
)
_HINTS = select(placement_hints.c.hints).where(placement_hints.c.server_id == bindparam("server"))
_MEMBERS = (
    select(servers.c.host, func.count().label("members"))
    .join(server_group_members, server_group_members.c.server_id == servers.c.id)
    .where(
        server_group_members.c.group_id == bindparam("group"),
        servers.c.deleted_at.is_(None),
        servers.c.host.is_not(None),
    )
    .group_by(servers.c.host)
)
