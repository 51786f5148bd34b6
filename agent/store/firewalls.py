# SPDX-License-Identifier: Apache-2.0
"""The firewalls of servers' ports, read from the rules of their security groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from agent.model.firewall import EVERYTHING, Firewall, are_open, passes_of
from agent.model.securitygroup import default_id
from agent.store import rows
from agent.store.db import Database
from agent.store.groupschema import port_security_groups, security_groups
from agent.store.netschema import ports
from agent.store.portgroups import PORTS
from agent.store.securitygroups import load_rules


@dataclass(frozen=True, slots=True)
class Firewalls:
    """Which ports of servers are filtered, and what passes them."""

    db: Database

    def list_filtered(self, server_id: str | None = None) -> Sequence[Firewall]:
        """The firewalls of all ports (of one server) that do not let everything pass."""
        with self.db.read() as connection:
            return [
                firewall for firewall in _firewalls(connection, server_id) if not firewall.is_open
            ]

    def list_bound(self, port_ids: Collection[str]) -> Sequence[Firewall]:
        """Of some ports those that servers have, each with a firewall that is open."""
        bound = select(ports).where(ports.c.id.in_(port_ids), ports.c.server_id.is_not(None))
        with self.db.read() as connection:
            return [_open(port) for port in connection.execute(bound)]


def _firewalls(connection: Connection, server_id: str | None) -> Iterator[Firewall]:
    groups = _groups(server_id)
    rules = load_rules(connection, groups.with_only_columns(security_groups.c.id))
    owners: set[str] = set(connection.scalars(groups))
    strict = [owner for owner in owners if not are_open(rules[default_id(owner)])]
    filtered = PORTS.where(
        _is_of(server_id), or_(ports.c.own_groups, ports.c.project_id.in_(strict))
    )
    found = [rows.port_from(port) for port in connection.execute(filtered)]
    named = {r.remote_group_id for port in found for g in port.security_groups for r in rules[g]}
    members = {group_id: _addresses(connection, group_id) for group_id in named if group_id}
    for port in found:
        passing = (rule for group_id in port.security_groups for rule in rules[group_id])
        yield Firewall(port.id, str(port.server_id), port.mac, passes_of(passing, members))


def _is_of(server_id: str | None) -> ColumnElement[bool]:
    return ports.c.server_id.is_not(None) if server_id is None else ports.c.server_id == server_id


def _groups(server_id: str | None) -> Select[tuple[str]]:
    """The projects of all groups that matter: a port is in none but its own project's."""
    owners = select(ports.c.project_id).where(_is_of(server_id))
    return select(security_groups.c.project_id).where(security_groups.c.project_id.in_(owners))


def _addresses(connection: Connection, group_id: str) -> Sequence[str]:
    """The addresses of the servers that are in a group."""
    listed = select(port_security_groups.c.port_id).where(
        port_security_groups.c.group_id == group_id
    )
    owner = select(security_groups.c.project_id).where(security_groups.c.id == group_id)
    project_id = connection.scalar(owner)
    is_member: ColumnElement[bool] = ports.c.id.in_(listed)
    if project_id is not None and default_id(project_id) == group_id:
        by_default = and_(ports.c.project_id == project_id, ports.c.own_groups.is_(False))
        is_member = or_(is_member, by_default)
    statement = select(ports.c.ip).where(is_member, ports.c.server_id.is_not(None))
    return connection.scalars(statement.order_by(ports.c.ip)).all()


def _open(port: rows.AnyRow) -> Firewall:
    return Firewall(port.id, port.server_id, port.mac, EVERYTHING)
