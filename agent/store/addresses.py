# SPDX-License-Identifier: Apache-2.0
"""Gives servers their ports: an address of the subnet's pool and a MAC, and takes them back.

    never used ──> a spare port's ──> a server's port ──> resting ──> a spare port's …
                                                          (released_at)

A few spare ports of each network wait for the next servers, so that their DHCP reservations, which
take libvirt long, are there before they are wanted. Without a spare one a port is made at once.

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

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.network import NicRequest
from agent.model.server import Server
from agent.store import rows
from agent.store.schema import networks, ports, resting_addresses, subnets

NOBODY = ""
"""The project of spare ports: no caller is of it, so none sees them."""


@dataclass(frozen=True, slots=True)
class _Book:
    """What is known of a subnet's addresses at this moment."""

    subnet: rows.AnyRow
    held: frozenset[str]  # by ports, and those that no guest may have
    resting: Mapping[str, datetime]  # since when
    spares: Mapping[str, str]  # ids of spare ports, by address


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
    rested_since = now - timedelta(seconds=rest_s)
    for position, request in enumerate(requests):
        book = _open_book(connection, _seen_by(request.network_id, server.project_id))
        if book is None:
            raise NotFound(f"Network {request.network_id} could not be found.")
        ip = _check_fixed(book, request.fixed_ip) if request.fixed_ip else _choose_spare(book)
        ip = ip or _choose(book, rested_since=rested_since)
        owner = {"project_id": server.project_id, "server_id": server.id, "position": position}
        if ip in book.spares:
            spare = update(ports).where(ports.c.id == book.spares[ip])
            connection.execute(spare.values(**owner, name="", created_at=now))
        else:
            _insert(connection, book, ip, now=now, **owner)


def keep_spares(
    connection: Connection, network_id: str, count: int, *, rest_s: float, now: datetime
) -> None:
    """Make spare ports of a network up to `count`, or to the end of its pool."""
    while True:
        book = _open_book(connection, networks.c.id == network_id)
        if book is None or len(book.spares) >= count:
            return
        try:
            ip = _choose(book, rested_since=now - timedelta(seconds=rest_s))
        except Conflict:
            return
        nobody = {"project_id": NOBODY, "server_id": None, "position": 0}
        _insert(connection, book, ip, now=now, **nobody)


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


def _insert(
    connection: Connection, book: _Book, ip: str, *, now: datetime, **owner: object
) -> None:
    connection.execute(
        delete(resting_addresses).where(
            resting_addresses.c.subnet_id == book.subnet.id, resting_addresses.c.ip == ip
        )
    )
    connection.execute(
        insert(ports).values(
            id=str(uuid.uuid4()),
            network_id=book.subnet.network_id,
            subnet_id=book.subnet.id,
            name="",
            mac=_new_mac(connection),
            ip=ip,
            created_at=now,
            **owner,
        )
    )


def _seen_by(network_id: str, project_id: str) -> ColumnElement[bool]:
    return and_(
        networks.c.id == network_id,
        or_(networks.c.shared.is_(True), networks.c.project_id == project_id),
    )


def _open_book(connection: Connection, network: ColumnElement[bool]) -> _Book | None:
    subnet = connection.execute(
        select(subnets).join(networks, networks.c.id == subnets.c.network_id).where(network)
    ).one_or_none()
    if subnet is None:
        return None
    found = connection.execute(
        select(ports.c.ip, ports.c.id, ports.c.project_id).where(ports.c.subnet_id == subnet.id)
    ).all()
    resting = connection.execute(
        select(resting_addresses.c.ip, resting_addresses.c.released_at).where(
            resting_addresses.c.subnet_id == subnet.id
        )
    )
    cidr = IPv4Network(subnet.cidr)
    nobodys = {str(cidr.network_address), str(cidr.broadcast_address), subnet.gateway_ip}
    return _Book(
        subnet,
        held=frozenset(nobodys.union(port.ip for port in found)),
        resting={row.ip: row.released_at for row in resting},
        spares={port.ip: port.id for port in found if port.project_id == NOBODY},
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
    if str(asked) in book.held and str(asked) not in book.spares:
        raise Conflict(f"Fixed IP address {asked} is already in use.")
    return str(asked)


def _choose_spare(book: _Book) -> str | None:
    return min(book.spares, key=IPv4Address, default=None)


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
