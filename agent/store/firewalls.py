# SPDX-License-Identifier: Apache-2.0
"""The firewalls of servers' ports, read from the rules of their security groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, select

from agent.model.firewall import EVERYTHING, Firewall, are_open, passes_of
from agent.model.securitygroup import default_id
from agent.store import rows
from agent.store.db import Database
from agent.store.groupschema import port_security_groups, security_groups
from agent.store.netschema import ports
from agent.store.portgroups import PORTS
from agent.store.securitygroups import load_rules, rules_of


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


@dataclass(frozen=True, slots=True)
class _Statements:
    """Those for some ports, built once: they are run all the time."""

    owners: Select[Any]  # the projects of the groups that matter
    rules: Select[Any]
    filtered: Select[Any]  # the ports with groups of their own, or of `strict` projects

    @classmethod
    def of(cls, are_meant: ColumnElement[bool]) -> _Statements:
        """Those for the ports that are meant: a port is in no group but its own project's."""
        owners = select(ports.c.project_id).where(are_meant)
        of_these = security_groups.c.project_id.in_(owners)
        is_strict = ports.c.project_id.in_(bindparam("strict", expanding=True))
        return cls(
            owners=select(security_groups.c.project_id).where(of_these).distinct(),
            rules=rules_of(select(security_groups.c.id).where(of_these)),
            filtered=PORTS.where(are_meant, or_(ports.c.own_groups, is_strict)),
        )


_ALL = _Statements.of(ports.c.server_id.is_not(None))
_OF_ONE = _Statements.of(ports.c.server_id == bindparam("server"))


def _firewalls(connection: Connection, server_id: str | None) -> Iterator[Firewall]:
    asked = _ALL if server_id is None else _OF_ONE
    which = {} if server_id is None else {"server": server_id}
    rules = load_rules(connection, asked.rules, which)
    owners = connection.scalars(asked.owners, which).all()
    strict = [owner for owner in owners if not are_open(rules[default_id(owner)])]
    filtered = connection.execute(asked.filtered, {**which, "strict": strict})
    found = [rows.port_from(port) for port in filtered]
    named = {r.remote_group_id for port in found for g in port.security_groups for r in rules[g]}
    members = {group_id: _addresses(connection, group_id) for group_id in named if group_id}
    for port in found:
        passing = (rule for group_id in port.security_groups for rule in rules[group_id])
        yield Firewall(port.id, str(port.server_id), port.mac, passes_of(passing, members))


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
