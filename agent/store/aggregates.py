# SPDX-License-Identifier: Apache-2.0
"""Aggregates: hosts that are taken together, and the zones that this puts them into.

The zone of a host follows from its aggregates. It never changes under servers: each change is
checked in the transaction that makes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.host import ZONE, Aggregate
from agent.store.db import Database
from agent.store.placeschema import aggregate_hosts, aggregates
from agent.store.schema import servers


@dataclass(frozen=True, slots=True)
class Aggregates:
    """The tables `aggregates` and `aggregate_hosts`. `NotFound` for an id that none has."""

    db: Database

    def list(self) -> Sequence[Aggregate]:
        """All aggregates, by their ids."""
        with self.db.read() as connection:
            return _load(connection)

    def get(self, aggregate_id: int) -> Aggregate:
        """One aggregate."""
        with self.db.read() as connection:
            return _get(connection, aggregate_id)

    def add(self, uuid: str, name: str, zone: str | None, now: datetime) -> Aggregate:
        """Make an aggregate without hosts; `Conflict` when the name is taken."""
        with self.db.write() as connection:
            _check_name(connection, name, None)
            added = connection.execute(
                insert(aggregates)
                .values(
                    uuid=uuid,
                    name=name,
                    metadata={ZONE: zone} if zone else {},
                    created_at=now,
                )
                .returning(aggregates.c.id)
            ).scalar_one()
            return _get(connection, added)

    def rename(self, aggregate_id: int, name: str, now: datetime) -> Aggregate:
        """Give an aggregate another name; `Conflict` when it is taken."""
        with self.db.write() as connection:
            _get(connection, aggregate_id)
            _check_name(connection, name, aggregate_id)
            return _set(connection, aggregate_id, {"name": name}, now)

    def set_metadata(
        self, aggregate_id: int, changes: Mapping[str, str | None], now: datetime, *, doing: str
    ) -> Aggregate:
        """Set keys of the metadata, and remove those whose value is None.

        `BadRequest` when the zone would become empty, differ from that of another aggregate with
        the same host, or change under servers.
        """
        with self.db.write() as connection:
            aggregate = _get(connection, aggregate_id)
            if ZONE in changes:
                problem = _zone_problem(connection, aggregate, changes[ZONE])
                if problem:
                    raise BadRequest(_refusal(doing, aggregate, problem))
            kept = {key: value for key, value in aggregate.metadata.items() if key not in changes}
            new = {key: value for key, value in changes.items() if value is not None}
            return _set(connection, aggregate_id, {"metadata": {**kept, **new}}, now)

    def delete(self, aggregate_id: int) -> None:
        """Remove an aggregate; `BadRequest` while it has hosts."""
        with self.db.write() as connection:
            aggregate = _get(connection, aggregate_id)
            if aggregate.hosts:
                reason = "Host aggregate is not empty"
                raise BadRequest(_refusal("delete", aggregate, reason))
            connection.execute(delete(aggregates).where(aggregates.c.id == aggregate_id))

    def add_host(
        self, aggregate_id: int, host: str, now: datetime, *, default_zone: str
    ) -> Aggregate:
        """Put a host into an aggregate; `Conflict` when it is there, or its zone would change
        under servers."""
        with self.db.write() as connection:
            aggregate = _get(connection, aggregate_id)
            if host in aggregate.hosts:
                raise Conflict(f"Aggregate {aggregate_id} already has host {host}.")
            if aggregate.zone is not None:
                others = _zones_of(connection, host, besides=aggregate_id)
                if others - {aggregate.zone}:
                    reason = f"One or more hosts already in availability zone(s) {sorted(others)}"
                    raise Conflict(_refusal("add_host_to_aggregate", aggregate, reason))
                old = next(iter(others), default_zone)
                _check_servers(connection, aggregate, host, old, aggregate.zone, "added to")
            connection.execute(insert(aggregate_hosts).values(aggregate_id=aggregate_id, host=host))
            return _set(connection, aggregate_id, {}, now)

    def remove_host(
        self, aggregate_id: int, host: str, now: datetime, *, default_zone: str
    ) -> Aggregate:
        """Take a host out of an aggregate; `NotFound` when it is not in it, `Conflict` when its
        zone would change under servers."""
        with self.db.write() as connection:
            aggregate = _get(connection, aggregate_id)
            if host not in aggregate.hosts:
                raise NotFound(f"Cannot remove host {host} in aggregate {aggregate_id}")
            if aggregate.zone is not None:
                others = _zones_of(connection, host, besides=aggregate_id)
                new = next(iter(others), default_zone)
                _check_servers(connection, aggregate, host, aggregate.zone, new, "removed from")
            connection.execute(
                delete(aggregate_hosts).where(
                    aggregate_hosts.c.aggregate_id == aggregate_id, aggregate_hosts.c.host == host
                )
            )
            return _set(connection, aggregate_id, {}, now)


def _get(connection: Connection, aggregate_id: int) -> Aggregate:
    found = [each for each in _load(connection) if each.id == aggregate_id]
    if not found:
        raise NotFound(f"Aggregate {aggregate_id} could not be found.")
    return found[0]


def _load(connection: Connection) -> list[Aggregate]:
    hosts: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(_HOSTS):
        hosts[row.aggregate_id].append(row.host)
    return [
        Aggregate(**row._mapping, hosts=tuple(hosts[row.id]))
        for row in connection.execute(_AGGREGATES)
    ]


def _set(
    connection: Connection, aggregate_id: int, values: Mapping[str, object], now: datetime
) -> Aggregate:
    changed = update(aggregates).where(aggregates.c.id == aggregate_id)
    connection.execute(changed.values({**values, "updated_at": now}))
    return _get(connection, aggregate_id)


def _check_name(connection: Connection, name: str, own_id: int | None) -> None:
    taken = connection.scalar(_NAMED, {"name": name})
    if taken is not None and taken != own_id:
        raise Conflict(f"Aggregate {name} already exists.")


def _zone_problem(connection: Connection, aggregate: Aggregate, zone: str | None) -> str | None:
    """Why an aggregate may not put its hosts into a zone; None when it may."""
    if not zone:
        return f"Aggregate {aggregate.name} does not support empty named availability zone"
    others = {
        name
        for host in aggregate.hosts
        for name in _zones_of(connection, host, besides=aggregate.id)
    }
    if others - {zone}:
        return f"One or more hosts already in availability zone(s) {sorted(others - {zone})}"
    if zone != aggregate.zone and _has_servers(connection, aggregate.hosts):
        return "One or more hosts contain instances in this zone"
    return None


def _zones_of(connection: Connection, host: str, *, besides: int) -> set[str]:
    return {
        each.zone
        for each in _load(connection)
        if host in each.hosts and each.id != besides and each.zone is not None
    }


def _check_servers(
    connection: Connection, aggregate: Aggregate, host: str, old: str, new: str, done: str
) -> None:
    if old != new and _has_servers(connection, [host]):
        raise Conflict(
            f"The host cannot be {done} the aggregate {aggregate.name}: its availability zone "
            f"would change from '{old}' to '{new}', and it has servers. Delete them first, or "
            "shelve them."
        )


def _has_servers(connection: Connection, hosts: Collection[str]) -> bool:
    on_hosts = exists().where(servers.c.host.in_(list(hosts)), servers.c.deleted_at.is_(None))
    return bool(connection.scalar(select(on_hosts)))


def _refusal(doing: str, aggregate: Aggregate, reason: str) -> str:
    return f"Cannot perform action '{doing}' on aggregate {aggregate.id}. Reason: {reason}."


_AGGREGATES = select(aggregates).order_by(aggregates.c.id)
_HOSTS = select(aggregate_hosts).order_by(aggregate_hosts.c.host)
_NAMED = select(aggregates.c.id).where(aggregates.c.name == bindparam("name"))
