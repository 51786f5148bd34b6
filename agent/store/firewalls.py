# SPDX-License-Identifier: Apache-2.0
"""The firewalls of servers' ports, read from the rules of their security groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from agent.model.firewall import EVERYTHING, Firewall, are_open, passes_of
from agent.model.securitygroup import Rule, default_id
from agent.store import rows
from agent.store.db import Database
from agent.store.groupschema import port_security_groups, security_group_rules, security_groups
from agent.store.netschema import ports


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
    rules = _rules(connection)
    candidates = connection.execute(
        select(ports).where(_is_of(server_id), _may_be_filtered(connection, rules))
    ).all()
    if not candidates:
        return
    own = _own_groups(connection)
    named = {rule.remote_group_id for each in rules.values() for rule in each}
    members = {group_id: _addresses(connection, group_id) for group_id in named if group_id}
    for port in candidates:
        groups = own[port.id] if port.own_groups else [default_id(port.project_id)]
        passes = passes_of((rule for group in groups for rule in rules[group]), members)
        yield Firewall(port.id, port.server_id, port.mac, passes)


def _is_of(server_id: str | None) -> ColumnElement[bool]:
    return ports.c.server_id.is_not(None) if server_id is None else ports.c.server_id == server_id


def _may_be_filtered(
    connection: Connection, rules: Mapping[str, Sequence[Rule]]
) -> ColumnElement[bool]:
    """A port with groups of its own, or in a default group that does not let all pass."""
    projects = connection.scalars(select(security_groups.c.project_id).distinct())
    strict = [project for project in projects if not are_open(rules[default_id(project)])]
    return or_(ports.c.own_groups, ports.c.project_id.in_(strict))


def _rules(connection: Connection) -> Mapping[str, Sequence[Rule]]:
    """All rules, by their groups."""
    found: defaultdict[str, list[Rule]] = defaultdict(list)
    for row in connection.execute(select(security_group_rules)):
        found[row.group_id].append(Rule(**row._mapping))
    return found


def _own_groups(connection: Connection) -> Mapping[str, Sequence[str]]:
    """The groups of each port that has groups of its own."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in connection.execute(select(port_security_groups)):
        found[row.port_id].append(row.group_id)
    return found


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
