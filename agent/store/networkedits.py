# SPDX-License-Identifier: Apache-2.0
"""Changes of networks, subnets and ports that users make. Reading them is `networks.py`.

Each method is one transaction: what it checks (quota, overlap, use) still holds when it writes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import IPv4Network

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.network import NOBODY, Network, Port, PortRequest, Subnet
from agent.store import addresses, portgroups, rows
from agent.store.db import Database
from agent.store.netschema import networks, ports, subnets
from agent.store.portgroups import PORTS
from agent.store.quotas import check_resource


@dataclass(frozen=True, slots=True)
class NetworkEdits:
    """The tables `networks`, `subnets` and `ports`, to be changed."""

    db: Database

    def add_network(self, network: Network, *, quota: int) -> None:
        """Add a network without a subnet; `Conflict` when the project has as many as it may."""
        with self.db.write() as connection:
            owned = networks.c.project_id == network.project_id
            count = connection.scalar(select(func.count()).select_from(networks).where(owned))
            check_resource("network", count or 0, quota)
            connection.execute(insert(networks).values(asdict(network)))

    def add_subnet(self, subnet: Subnet) -> None:
        """Add the subnet of a network.

        `BadRequest` when it overlaps another one or the network has one, `NotFound` when the
        network is gone.
        """
        with self.db.write() as connection:
            _check_there(connection, networks, subnet.network_id, "Network")
            for other in connection.execute(select(subnets)).all():
                if other.network_id == subnet.network_id:
                    raise BadRequest(
                        f"Network {subnet.network_id} has the subnet {other.id} already: a network "
                        "of this cloud has one."
                    )
                if IPv4Network(other.cidr).overlaps(IPv4Network(subnet.cidr)):
                    raise BadRequest(overlap(subnet.cidr, subnet.network_id))
            columns = {**asdict(subnet), "dns": list(subnet.dns)}
            connection.execute(insert(subnets).values(columns))

    def update_network(self, network_id: str, now: datetime, **fields: object) -> None:
        """Set fields of a network; `NotFound` when it is gone."""
        with self.db.write() as connection:
            _update(connection, networks, network_id, "Network", now, fields)

    def update_subnet(self, subnet_id: str, now: datetime, **fields: object) -> None:
        """Set fields of a subnet; `NotFound` when it is gone."""
        with self.db.write() as connection:
            _update(connection, subnets, subnet_id, "Subnet", now, fields)

    def update_port(
        self,
        port_id: str,
        now: datetime,
        *,
        security_groups: Collection[str] | None = None,
        **fields: object,
    ) -> None:
        """Set fields of a port, and its groups by their ids (None: they stay).

        `NotFound` when it is gone, or a group is none of its project's.
        """
        with self.db.write() as connection:
            _update(connection, ports, port_id, "Port", now, fields)
            if security_groups is not None:
                port = connection.execute(select(ports).where(ports.c.id == port_id)).one()
                _set_groups(connection, port, security_groups)

    def delete_network(self, network_id: str) -> None:
        """Remove a network with its subnet; `Conflict` while it has ports but spare ones."""
        with self.db.write() as connection:
            _check_there(connection, networks, network_id, "Network")
            if _is_used(connection, ports.c.network_id == network_id):
                raise Conflict(
                    f"Unable to complete operation on network {network_id}. There are one or more "
                    "ports still in use on the network."
                )
            connection.execute(delete(ports).where(ports.c.network_id == network_id))
            connection.execute(delete(networks).where(networks.c.id == network_id))

    def delete_subnet(self, subnet_id: str) -> None:
        """Remove a subnet; `Conflict` while a port but a spare one has an address of it."""
        with self.db.write() as connection:
            _check_there(connection, subnets, subnet_id, "Subnet")
            if _is_used(connection, ports.c.subnet_id == subnet_id):
                raise Conflict(
                    f"Unable to complete operation on subnet {subnet_id}: One or more ports have "
                    "an IP allocation from this subnet."
                )
            connection.execute(delete(ports).where(ports.c.subnet_id == subnet_id))
            connection.execute(delete(subnets).where(subnets.c.id == subnet_id))

    def add_port(self, request: PortRequest, *, quota: int, rest_s: float, now: datetime) -> Port:
        """Make a port for its project to keep.

        `Conflict` for an address or a MAC that is taken and for a spent quota, `BadRequest` for an
        address that is not in the pool, `NotFound` when the network is gone or a group is none of
        the project's.
        """
        with self.db.write() as connection:
            owned = ports.c.project_id == request.project_id
            count = connection.scalar(select(func.count()).select_from(ports).where(owned))
            check_resource("port", count or 0, quota)
            port_id = addresses.add_port(connection, request, rest_s=rest_s, now=now)
            wanted = PORTS.where(ports.c.id == port_id)
            if request.security_groups is not None:
                _set_groups(connection, connection.execute(wanted).one(), request.security_groups)
            return rows.port_from(connection.execute(wanted).one())

    def delete_port(self, port_id: str, now: datetime) -> None:
        """Remove a port that no server has; `Conflict` otherwise."""
        with self.db.write() as connection:
            port = connection.execute(
                select(ports.c.server_id).where(ports.c.id == port_id)
            ).one_or_none()
            if port is None:
                raise NotFound(f"Port {port_id} could not be found.")
            if port.server_id is not None:
                raise Conflict(
                    f"Port {port_id} is in use by server {port.server_id}: detach it there first "
                    "(`openstack server remove port`)."
                )
            addresses.remove(connection, ports.c.id == port_id, now)

    def drop_port(self, server_id: str, port_id: str, now: datetime) -> None:
        """Take a port from a server: a user's own one stays, another goes and its address rests.

        Nothing when it is not the server's.
        """
        with self.db.write() as connection:
            addresses.drop(connection, server_id, port_id, now)


def overlap(cidr: str, network_id: str) -> str:
    """Say that a subnet can't be where another one is, in words that clients look for."""
    return (
        f"Invalid input for operation: Requested subnet with cidr: {cidr} for network: "
        f"{network_id} overlaps with another subnet."
    )


def _set_groups(connection: Connection, port: rows.AnyRow, group_ids: Collection[str]) -> None:
    portgroups.check_there(connection, port.project_id, group_ids)
    portgroups.set_groups(connection, port.id, port.project_id, group_ids)


def _check_there(connection: Connection, table: Table, its_id: str, word: str) -> None:
    if connection.scalar(select(table.c.id).where(table.c.id == its_id)) is None:
        raise NotFound(f"{word} {its_id} could not be found.")


def _is_used(connection: Connection, which: ColumnElement[bool]) -> bool:
    used = and_(which, or_(ports.c.project_id != NOBODY, ports.c.server_id.is_not(None)))
    return connection.scalar(select(ports.c.id).where(used).limit(1)) is not None


def _update(
    connection: Connection,
    table: Table,
    its_id: str,
    word: str,
    now: datetime,
    fields: dict[str, object],
) -> None:
    changed = connection.execute(
        update(table)
        .where(table.c.id == its_id)
        .values(**fields, updated_at=now, revision=table.c.revision + 1)
    )
    if changed.rowcount == 0:
        raise NotFound(f"{word} {its_id} could not be found.")
