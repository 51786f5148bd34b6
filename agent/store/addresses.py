# SPDX-License-Identifier: Apache-2.0
"""Gives servers their ports: an address of the subnet's pool and a MAC, and takes them back.

    never used ──> a spare port's ──> a server's port ──> resting ──> a spare port's …
                                                          (released_at)

A few spare ports of each network wait for the next servers, so that their DHCP reservations, which
take libvirt long, are there before they are wanted. Without a spare one a port is made at once.

A port that its user made stays when its server goes, with its address and its MAC. An address rests
after its port has gone, for as long as a guest's lease or a neighbour's ARP entry may still name
it. Never-used ones go first, then the one that has rested longest. All of it happens inside the
caller's write transaction, so no address is given twice.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.network import NOBODY, NicRequest, PortRequest
from agent.model.server import MAX_NICS, Server
from agent.store import portgroups, rows
from agent.store.netschema import networks, ports, resting_addresses, subnets


class TakenError(Conflict):
    """An address or a MAC that is asked for is another port's."""


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
    security_groups: Collection[str] = (),
    rest_s: float,
    now: datetime,
) -> None:
    """Give a new server a port for each request, in their order.

    Ports that are made for it are in these groups, by their ids (without any: in the default one);
    a port that was there keeps its own.

    `NotFound` for a network or port that the project does not see, `BadRequest` for a fixed address
    that is taken or not in the pool, `Conflict` for a port in use and for an exhausted pool.
    """
    for position, request in enumerate(requests):
        try:
            port_id = _give(connection, server, request, position, rest_s=rest_s, now=now)
            if security_groups and request.port_id is None:
                portgroups.set_groups(connection, port_id, server.project_id, security_groups)
        except TakenError as error:
            raise BadRequest(error.message) from error


def attach(
    connection: Connection, server: Server, request: NicRequest, *, rest_s: float, now: datetime
) -> str:
    """Give a server one port more, on the first place that is free; the port's id.

    As `allocate`, but a fixed address that is taken is a `Conflict`. `BadRequest` when the server
    has as many as it may have.
    """
    taken = {nic.position for nic in server.nics}
    free = [position for position in range(MAX_NICS) if position not in taken]
    if not free:
        raise BadRequest(f"A server has at most {MAX_NICS} network interfaces.")
    return _give(connection, server, request, free[0], rest_s=rest_s, now=now)


def add_port(connection: Connection, request: PortRequest, *, rest_s: float, now: datetime) -> str:
    """Make a port that no server has yet, for its project to keep; its id. Raises as `attach`."""
    book = _book_of(connection, request.network_id, networks.c.id == request.network_id)
    owner = {
        "project_id": request.project_id,
        "server_id": None,
        "position": 0,
        "name": request.name,
        "description": request.description,
        "is_kept": True,
    }
    if request.mac is not None:
        if connection.scalar(select(ports.c.id).where(ports.c.mac == request.mac)) is not None:
            raise TakenError(f"The mac address {request.mac} is in use.")
        owner["mac"] = request.mac
    return _take(connection, book, request.fixed_ip, owner, rest_s=rest_s, now=now)


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
        _insert(connection, book, ip, now=now, owner=nobody)


def release(connection: Connection, server_id: str, now: datetime) -> None:
    """Take a server's ports from it: its users' own stay, those made for it go."""
    _let_go(connection, ports.c.server_id == server_id, now)


def drop(connection: Connection, server_id: str, port_id: str, now: datetime) -> None:
    """Take one port from a server, as `release` does; nothing when it is not the server's."""
    _let_go(connection, and_(ports.c.server_id == server_id, ports.c.id == port_id), now)


def remove(connection: Connection, which: ColumnElement[bool], now: datetime) -> None:
    """Remove ports, whosever they are; their addresses rest from now on."""
    held = connection.execute(select(ports.c.subnet_id, ports.c.ip).where(which)).all()
    if not held:
        return
    connection.execute(delete(ports).where(which))
    connection.execute(
        insert(resting_addresses),
        [{"subnet_id": port.subnet_id, "ip": port.ip, "released_at": now} for port in held],
    )


def _let_go(connection: Connection, which: ColumnElement[bool], now: datetime) -> None:
    remove(connection, and_(which, ports.c.is_kept.is_(False)), now)
    connection.execute(
        update(ports)
        .where(which)
        .values(server_id=None, position=0, tag=None, updated_at=now, revision=ports.c.revision + 1)
    )


def _give(
    connection: Connection,
    server: Server,
    request: NicRequest,
    position: int,
    *,
    rest_s: float,
    now: datetime,
) -> str:
    owner = {"server_id": server.id, "position": position, "tag": request.tag}
    if request.port_id is not None:
        return _bind(connection, server, request.port_id, owner, now)
    visible = _seen_by(request.network_id, server.project_id)
    book = _book_of(connection, request.network_id, visible)
    owner |= {"project_id": server.project_id, "name": ""}
    return _take(connection, book, request.fixed_ip, owner, rest_s=rest_s, now=now)


def _bind(
    connection: Connection, server: Server, port_id: str, owner: Mapping[str, Any], now: datetime
) -> str:
    """Give a server a port that is there, if it is its project's and nobody has it."""
    port = connection.execute(
        select(ports.c.server_id).where(
            ports.c.id == port_id, ports.c.project_id == server.project_id
        )
    ).one_or_none()
    if port is None:
        raise NotFound(f"Port id {port_id} could not be found.")
    if port.server_id is not None:
        raise Conflict(f"Port {port_id} is still in use.")
    connection.execute(
        update(ports)
        .where(ports.c.id == port_id)
        .values(**owner, updated_at=now, revision=ports.c.revision + 1)
    )
    return port_id


def _take(
    connection: Connection,
    book: _Book,
    fixed_ip: str | None,
    owner: Mapping[str, Any],
    *,
    rest_s: float,
    now: datetime,
) -> str:
    """Make a port with the address that is asked for, or one that is free: a spare one first."""
    ip = _check_fixed(book, fixed_ip) if fixed_ip else _choose_spare(book)
    ip = ip or _choose(book, rested_since=now - timedelta(seconds=rest_s))
    if ip not in book.spares:
        return _insert(connection, book, ip, now=now, owner=owner)
    port_id = book.spares[ip]
    spare = update(ports).where(ports.c.id == port_id)
    connection.execute(spare.values(**owner, created_at=now))
    return port_id


def _insert(
    connection: Connection, book: _Book, ip: str, *, now: datetime, owner: Mapping[str, Any]
) -> str:
    connection.execute(
        delete(resting_addresses).where(
            resting_addresses.c.subnet_id == book.subnet.id, resting_addresses.c.ip == ip
        )
    )
    made = {
        "id": str(uuid.uuid4()),
        "network_id": book.subnet.network_id,
        "subnet_id": book.subnet.id,
        "name": "",
        "mac": "",
        "ip": ip,
        "created_at": now,
        **owner,
    }
    made["mac"] = made["mac"] or _new_mac(connection)
    connection.execute(insert(ports).values(made))
    return str(made["id"])


def _seen_by(network_id: str, project_id: str) -> ColumnElement[bool]:
    return and_(
        networks.c.id == network_id,
        or_(networks.c.shared.is_(True), networks.c.project_id == project_id),
    )


def _book_of(connection: Connection, network_id: str, network: ColumnElement[bool]) -> _Book:
    """Open the book of a network that is there, or say why there is none."""
    book = _open_book(connection, network)
    if book is not None:
        return book
    if connection.scalar(select(networks.c.id).where(network)) is None:
        raise NotFound(f"Network {network_id} could not be found.")
    raise BadRequest(
        f"Network {network_id} requires a subnet in order to boot instances on. Make one first."
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
        raise TakenError(f"Fixed IP address {asked} is already in use.")
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
