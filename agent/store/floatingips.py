# SPDX-License-Identifier: Apache-2.0
"""Floating addresses: who has them, and which ports they lead to.

Each method is one transaction: what it checks (quota, use) still holds when it writes. A port that
goes takes no address with it: the address leads nowhere then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from agent.errors import Conflict, NotFound
from agent.model.floating import (
    FloatingIp,
    FloatingPool,
    NoneLeftError,
    SpentError,
    Translation,
)
from agent.model.quota import Quota
from agent.store.db import Database
from agent.store.netschema import floating_ips, ports
from agent.store.quotas import check_resource, quota_of
from agent.store.rows import AnyRow, Values

_ALL = (
    select(floating_ips, ports.c.ip.label("fixed_ip"), ports.c.server_id)
    .outerjoin(ports, ports.c.id == floating_ips.c.port_id)
    .order_by(floating_ips.c.created_at, floating_ips.c.id)
)
_TRANSLATED = (
    select(floating_ips.c.ip, ports.c.ip.label("fixed_ip"), ports.c.id)
    .join(ports, ports.c.id == floating_ips.c.port_id)
    .where(ports.c.server_id.is_not(None))
)

_NAMES = [column.name for column in floating_ips.c]


@dataclass(frozen=True, slots=True)
class FloatingIps:
    """The table `floating_ips`."""

    db: Database

    def list(self, *, project_id: str | None, **equal: str) -> Sequence[FloatingIp]:
        """Those of a project (None: all), oldest first, whose columns are as `equal` says."""
        named = equal if project_id is None else {**equal, "project_id": project_id}
        with self.db.read() as connection:
            found = connection.execute(_where(named))
            return [_from(row) for row in found]

    def get(self, its_id: str, *, project_id: str | None) -> FloatingIp:
        """One of a project (None: of any); `NotFound` otherwise."""
        found = self.list(project_id=project_id, id=its_id)
        if not found:
            raise no_floating_ip(its_id)
        return found[0]

    def list_translations(self) -> Sequence[Translation]:
        """Those that lead to a server."""
        with self.db.read() as connection:
            return [Translation(*row) for row in connection.execute(_TRANSLATED)]

    def add(self, wanted: FloatingIp, pool: FloatingPool, default: Quota) -> FloatingIp:
        """Give a project an address of the pool: that of `wanted`, or the first that is free.

        `Conflict` for one that is taken, for a pool without a free one, for a spent quota and for a
        port that has one already; `NotFound` when the port is gone.
        """
        with self.db.write() as connection:
            of_project = select(func.count()).where(floating_ips.c.project_id == wanted.project_id)
            quota = quota_of(connection, wanted.project_id, default)
            used = connection.scalar(of_project) or 0
            check_resource("floatingip", used, quota.floating_ips, error=SpentError)
            taken = set(connection.scalars(select(floating_ips.c.ip)))
            if wanted.ip in taken:
                raise Conflict(f"IP address {wanted.ip} already allocated.")
            ip = wanted.ip or pool.choose(taken)
            if ip is None:
                raise NoneLeftError(
                    f"No more floating IP addresses are available: all of {pool.first} to "
                    f"{pool.last} are given away."
                )
            if wanted.port_id is not None:
                _check_port(connection, wanted.port_id, ip)
            own = {name: getattr(wanted, name) for name in _NAMES}
            connection.execute(insert(floating_ips).values({**own, "ip": ip}))
            return _one(connection, wanted.id)

    def update(self, its_id: str, now: datetime, **fields: object) -> FloatingIp:
        """Set fields: `port_id` leads it to a port, or with None nowhere.

        `Conflict` for a port that has another one, `NotFound` when it or the port is gone.
        """
        with self.db.write() as connection:
            before = _one(connection, its_id)
            port_id = fields.get("port_id")
            if port_id is not None and port_id != before.port_id:
                _check_port(connection, str(port_id), before.ip)
            _set(connection, its_id, now, fields)
            return _one(connection, its_id)

    def remove(self, its_id: str) -> None:
        """Take an address back from its project; `NotFound` when it is gone."""
        with self.db.write() as connection:
            gone = connection.execute(delete(floating_ips).where(floating_ips.c.id == its_id))
            if gone.rowcount == 0:
                raise no_floating_ip(its_id)


def no_floating_ip(its_id: str) -> NotFound:
    """Say that there is no such floating address."""
    return NotFound(f"Floating IP {its_id} could not be found.")


def _where(equal: dict[str, str]) -> Select[Any]:
    return _ALL.where(*(floating_ips.c[name] == value for name, value in equal.items()))


def _one(connection: Connection, its_id: str) -> FloatingIp:
    row = connection.execute(_where({"id": its_id})).one_or_none()
    if row is None:
        raise no_floating_ip(its_id)
    return _from(row)


def _check_port(connection: Connection, port_id: str, ip: str) -> None:
    """Raise unless the port is there and has no floating address."""
    fixed_ip = connection.scalar(select(ports.c.ip).where(ports.c.id == port_id))
    if fixed_ip is None:
        raise NotFound(f"Port {port_id} could not be found.")
    other = connection.execute(_where({"port_id": port_id})).one_or_none()
    if other is not None:
        raise Conflict(
            f"Cannot associate floating IP {ip} with port {port_id} using fixed IP {fixed_ip}, as "
            f"that fixed IP already has the floating IP {other.ip}."
        )


def _set(connection: Connection, its_id: str, now: datetime, fields: Values) -> None:
    changed = {**fields, "updated_at": now, "revision": floating_ips.c.revision + 1}
    connection.execute(update(floating_ips).where(floating_ips.c.id == its_id).values(changed))


def _from(row: AnyRow) -> FloatingIp:
    return FloatingIp(**{**row._mapping, "tags": tuple(row.tags)})
