# SPDX-License-Identifier: Apache-2.0
"""Gives servers their ports: an address of the subnet's pool and a MAC, and takes them back.

    never used ──> a port's ──> resting ──> a port's …
                                (released_at)

An address rests after its server has gone, for as long as a guest's lease or a neighbour's ARP
entry may still name it. Never-used ones go first, then the one that has rested longest. All of it
happens inside the caller's write transaction, so no address is given twice.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from sqlalchemy import Connection, delete, insert, or_, select

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.network import NicRequest
from agent.model.server import Server
from agent.store import rows
from agent.store.schema import networks, ports, resting_addresses, subnets


@dataclass(frozen=True, slots=True)
class _Book:
    """What is known of a subnet's addresses at this moment."""

    subnet: rows.AnyRow
    held: frozenset[str]  # by ports, and those that no guest may have
    resting: Mapping[str, datetime]  # since when


def allocate(
    connection: Connection,
    server: Server,
    requests: Sequence[NicRequest],
    *,
    rest_s: float,
    now: datetime,
) -> None:
    """Give a server a port for each request, in their order.

    `NotFound` for a network that the project does not see, `BadRequest` for a fixed address that is
    not in the pool, `Conflict` for one that is taken and for an exhausted pool.
    """
    for position, request in enumerate(requests):
        book = _open_book(connection, request.network_id, server.project_id)
        if request.fixed_ip is not None:
            ip = _check_fixed(book, request.fixed_ip)
        else:
            ip = _choose(book, rested_since=now - timedelta(seconds=rest_s))
        connection.execute(
            delete(resting_addresses).where(
                resting_addresses.c.subnet_id == book.subnet.id, resting_addresses.c.ip == ip
            )
        )
        connection.execute(
            insert(ports).values(
                id=str(uuid.uuid4()),
                network_id=request.network_id,
                subnet_id=book.subnet.id,
                project_id=server.project_id,
                server_id=server.id,
                position=position,
                name="",
                mac=_new_mac(connection),
                ip=ip,
                created_at=now,
            )
        )


def release(connection: Connection, server_id: str, now: datetime) -> None:
    """Remove a server's ports; their addresses rest from now on."""
    held = connection.execute(
        select(ports.c.subnet_id, ports.c.ip).where(ports.c.server_id == server_id)
    ).all()
    if not held:
        return
    connection.execute(delete(ports).where(ports.c.server_id == server_id))
    connection.execute(
        insert(resting_addresses),
        [{"subnet_id": port.subnet_id, "ip": port.ip, "released_at": now} for port in held],
    )


def _open_book(connection: Connection, network_id: str, project_id: str) -> _Book:
    subnet = connection.execute(
        select(subnets)
        .join(networks, networks.c.id == subnets.c.network_id)
        .where(
            networks.c.id == network_id,
            or_(networks.c.shared.is_(True), networks.c.project_id == project_id),
        )
    ).one_or_none()
    if subnet is None:
        raise NotFound(f"Network {network_id} could not be found.")
    held = connection.scalars(select(ports.c.ip).where(ports.c.subnet_id == subnet.id))
    resting = connection.execute(
        select(resting_addresses.c.ip, resting_addresses.c.released_at).where(
            resting_addresses.c.subnet_id == subnet.id
        )
    )
    cidr = IPv4Network(subnet.cidr)
    nobodys = {str(cidr.network_address), str(cidr.broadcast_address), subnet.gateway_ip}
    return _Book(
        subnet, frozenset(nobodys.union(held)), {row.ip: row.released_at for row in resting}
    )


def _check_fixed(book: _Book, text: str) -> str:
    try:
        asked = IPv4Address(text)
    except AddressValueError as error:
        raise BadRequest(f"Fixed IP address {text} is not an IPv4 address.") from error
    first, last = _pool(book.subnet)
    if not first <= asked <= last:
        raise BadRequest(
            f"Fixed IP address {asked} is not in the pool {first} - {last} "
            f"of subnet {book.subnet.id}."
        )
    if str(asked) in book.held:
        raise Conflict(f"Fixed IP address {asked} is already in use.")
    return str(asked)


def _choose(book: _Book, *, rested_since: datetime) -> str:
    first, last = _pool(book.subnet)
    for number in range(int(first), int(last) + 1):
        ip = str(IPv4Address(number))
        if ip not in book.held and ip not in book.resting:
            return ip
    rested = [
        (released_at, IPv4Address(ip))
        for ip, released_at in book.resting.items()
        if released_at <= rested_since and ip not in book.held and first <= IPv4Address(ip) <= last
    ]
    if not rested:
        raise Conflict(
            f"No more IP addresses available on network {book.subnet.network_id}: its pool "
            f"{first} - {last} has {int(last) - int(first) + 1}, of which {len(book.resting)} rest "
            "for a while since their server was deleted and the others are in use."
        )
    return str(min(rested)[1])


def _pool(subnet: rows.AnyRow) -> tuple[IPv4Address, IPv4Address]:
    return IPv4Address(subnet.pool_start), IPv4Address(subnet.pool_end)


def _new_mac(connection: Connection) -> str:
    while True:
        low = secrets.token_bytes(3)
        mac = f"fa:16:3e:{low[0]:02x}:{low[1]:02x}:{low[2]:02x}"
        if connection.scalar(select(ports.c.id).where(ports.c.mac == mac)) is None:
            return mac
