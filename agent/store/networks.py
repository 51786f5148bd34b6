# SPDX-License-Identifier: Apache-2.0
"""Networks, subnets and ports, within what a project sees. Giving addresses is `addresses.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, Table, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from agent.errors import Conflict, NotFound
from agent.model.network import NOBODY, Network, Port, Subnet
from agent.store import rows
from agent.store.db import Database
from agent.store.netschema import networks, ports, subnets
from agent.store.portgroups import PORTS

_OLDEST_FIRST = (networks.c.created_at, networks.c.id)
_ALL_NETWORKS = select(networks).order_by(*_OLDEST_FIRST)
_ALL_SUBNETS = (
    select(subnets).join(networks, networks.c.id == subnets.c.network_id).order_by(*_OLDEST_FIRST)
)


@dataclass(frozen=True, slots=True)
class Networks:
    """The tables `networks`, `subnets` and `ports`."""

    db: Database

    def add_network(self, network: Network, subnet: Subnet) -> None:
        """Add a network with its subnet; `Conflict` when an id is taken."""
        try:
            with self.db.write() as connection:
                connection.execute(insert(networks).values(asdict(network)))
                connection.execute(
                    insert(subnets).values({**asdict(subnet), "dns": list(subnet.dns)})
                )
        except IntegrityError as error:
            raise Conflict(f"Network {network.id} or subnet {subnet.id} already exists.") from error

    def set_mode(self, network_id: str, mode: str, dns: Sequence[str]) -> None:
        """Make a network isolated or nat, and give the name servers of its subnet."""
        with self.db.write() as connection:
            connection.execute(
                update(networks).where(networks.c.id == network_id).values(mode=mode)
            )
            connection.execute(
                update(subnets).where(subnets.c.network_id == network_id).values(dns=list(dns))
            )

    def list_networks(
        self,
        *,
        project_id: str | None,
        id: str | None = None,
        name: str | None = None,
        shared: bool | None = None,
    ) -> Sequence[Network]:
        """The networks that a project sees: its own and shared ones (None: all), oldest first."""
        statement = _equal(_ALL_NETWORKS, networks, id=id, name=name, shared=shared)
        statement = _seen(statement, project_id)
        with self.db.read() as connection:
            return [rows.network_from(row) for row in connection.execute(statement)]

    def list_carried(self) -> Sequence[tuple[Network, Subnet]]:
        """All networks with their subnets, as they are at one moment, oldest first."""
        with self.db.read() as connection:
            known = {row.id: rows.network_from(row) for row in connection.execute(_ALL_NETWORKS)}
            found = [rows.subnet_from(row) for row in connection.execute(_ALL_SUBNETS)]
        return [(known[subnet.network_id], subnet) for subnet in found]

    def get_network(self, network_id: str, *, project_id: str | None) -> Network:
        """One network that a project sees (None: any); `NotFound` otherwise."""
        found = self.list_networks(project_id=project_id, id=network_id)
        if not found:
            raise NotFound(f"Network {network_id} could not be found.")
        return found[0]

    def list_subnets(
        self,
        *,
        project_id: str | None,
        id: str | None = None,
        name: str | None = None,
        network_id: str | None = None,
    ) -> Sequence[Subnet]:
        """The subnets of the networks that a project sees, in the order of `list_networks`."""
        statement = _equal(_ALL_SUBNETS, subnets, id=id, name=name, network_id=network_id)
        statement = _seen(statement, project_id)
        with self.db.read() as connection:
            return [rows.subnet_from(row) for row in connection.execute(statement)]

    def get_subnet(self, subnet_id: str, *, project_id: str | None) -> Subnet:
        """One subnet of a network that a project sees (None: any); `NotFound` otherwise."""
        found = self.list_subnets(project_id=project_id, id=subnet_id)
        if not found:
            raise NotFound(f"Subnet {subnet_id} could not be found.")
        return found[0]

    def list_ports(
        self,
        *,
        project_id: str | None,
        id: str | None = None,
        server_id: str | None = None,
        network_id: str | None = None,
        mac: str | None = None,
        ip: str | None = None,
    ) -> Sequence[Port]:
        """The ports of a project (None: all but spare ones), oldest first.

        A server's are in the order of its nics.
        """
        statement = _equal(
            PORTS,
            ports,
            project_id=project_id,
            id=id,
            server_id=server_id,
            network_id=network_id,
            mac=mac,
            ip=ip,
        ).order_by(ports.c.created_at, ports.c.server_id, ports.c.position, ports.c.id)
        if project_id is None:
            statement = statement.where(ports.c.project_id != NOBODY)
        with self.db.read() as connection:
            return [rows.port_from(row) for row in connection.execute(statement)]

    def get_port(self, port_id: str, *, project_id: str | None) -> Port:
        """One port of a project (None: any); `NotFound` otherwise."""
        found = self.list_ports(project_id=project_id, id=port_id)
        if not found:
            raise NotFound(f"Port {port_id} could not be found.")
        return found[0]


def _equal(statement: Select[Any], table: Table, **wanted: object) -> Select[Any]:
    """Keep the rows whose columns equal what is wanted; None wants nothing."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return statement.where(*(table.c[name] == value for name, value in given.items()))


def _seen(statement: Select[Any], project_id: str | None) -> Select[Any]:
    if project_id is None:
        return statement
    return statement.where(or_(networks.c.shared.is_(True), networks.c.project_id == project_id))
