# SPDX-License-Identifier: Apache-2.0
"""The flavors: which sizes servers may have, and which projects may use those that aren't public.

`project_id` says whose sight it is: a project sees what is public and what it was let into; None
sees everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, delete, insert, or_, select, update

from agent.errors import Conflict, NotFound
from agent.model.server import Flavor
from agent.store import rows
from agent.store.catalogschema import flavor_access, flavors
from agent.store.db import Database


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables `flavors` and `flavor_access`."""

    db: Database

    def list_flavors(self, *, project_id: str | None) -> Sequence[Flavor]:
        """The flavors that a project sees, the smallest first."""
        statement = _seen_by(project_id).order_by(
            flavors.c.ram_mb, flavors.c.vcpus, flavors.c.disk_gb, flavors.c.id
        )
        with self.db.read() as connection:
            return [rows.flavor_from(row) for row in connection.execute(statement)]

    def get_flavor(self, flavor_id: str, *, project_id: str | None) -> Flavor:
        """One flavor that a project sees, or `NotFound`."""
        with self.db.read() as connection:
            return _get(connection, flavor_id, project_id)

    def add_flavor(self, flavor: Flavor) -> None:
        """Add a flavor; `Conflict` in Nova's words when its id or name is taken."""
        with self.db.write() as connection:
            if connection.execute(select(flavors.c.id).where(flavors.c.id == flavor.id)).first():
                raise Conflict(f"Flavor with ID {flavor.id} already exists.")
            named = select(flavors.c.id).where(flavors.c.name == flavor.name)
            if connection.execute(named).first():
                raise Conflict(f"Flavor with name {flavor.name} already exists.")
            connection.execute(insert(flavors).values(rows.flavor_values(flavor)))

    def edit_flavor(self, flavor_id: str, change: Callable[[Flavor], Flavor]) -> Flavor:
        """Ask `change` for a flavor as it is to be, given as it is, and keep that.

        `NotFound`; what `change` raises goes through, and nothing is written then.
        """
        with self.db.write() as connection:
            changed = change(_get(connection, flavor_id, None))
            values = rows.flavor_values(changed)
            connection.execute(update(flavors).where(flavors.c.id == flavor_id).values(values))
            return changed

    def delete_flavor(self, flavor_id: str) -> None:
        """Forget a flavor and who may use it, or `NotFound`. Servers keep their copies."""
        with self.db.write() as connection:
            deleted = connection.execute(delete(flavors).where(flavors.c.id == flavor_id))
            if deleted.rowcount == 0:
                raise no_flavor(flavor_id)

    def list_access(self, flavor_id: str) -> Sequence[str]:
        """The projects that were let into a flavor, or `NotFound`."""
        with self.db.read() as connection:
            _get(connection, flavor_id, None)
            return _access(connection, flavor_id)

    def add_access(self, flavor_id: str, project_id: str) -> Sequence[str]:
        """Let a project into a flavor and give all that are in; `NotFound`, or `Conflict`."""
        with self.db.write() as connection:
            _get(connection, flavor_id, None)
            if project_id in _access(connection, flavor_id):
                raise Conflict(
                    f"Flavor access already exists for flavor {flavor_id} "
                    f"and project {project_id} combination."
                )
            connection.execute(
                insert(flavor_access).values(flavor_id=flavor_id, project_id=project_id)
            )
            return _access(connection, flavor_id)

    def remove_access(self, flavor_id: str, project_id: str) -> Sequence[str]:
        """Undo `add_access` and give who is left in, or `NotFound`."""
        with self.db.write() as connection:
            _get(connection, flavor_id, None)
            removed = connection.execute(
                delete(flavor_access).where(
                    flavor_access.c.flavor_id == flavor_id,
                    flavor_access.c.project_id == project_id,
                )
            )
            if removed.rowcount == 0:
                raise NotFound(
                    f"Flavor access not found for {flavor_id} / {project_id} combination."
                )
            return _access(connection, flavor_id)


def no_flavor(flavor_id: str) -> NotFound:
    """Say that there is no such flavor, in Nova's words."""
    return NotFound(f"Flavor {flavor_id} could not be found.")


def _seen_by(project_id: str | None) -> Select[tuple[object, ...]]:
    if project_id is None:
        return select(flavors)
    let_in = select(flavor_access.c.flavor_id).where(flavor_access.c.project_id == project_id)
    return select(flavors).where(or_(flavors.c.is_public, flavors.c.id.in_(let_in)))


def _get(connection: Connection, flavor_id: str, project_id: str | None) -> Flavor:
    one = _seen_by(project_id).where(flavors.c.id == flavor_id)
    row = connection.execute(one).one_or_none()
    if row is None:
        raise no_flavor(flavor_id)
    return rows.flavor_from(row)


def _access(connection: Connection, flavor_id: str) -> list[str]:
    statement = (
        select(flavor_access.c.project_id)
        .where(flavor_access.c.flavor_id == flavor_id)
        .order_by(flavor_access.c.project_id)
    )
    return list(connection.scalars(statement))
