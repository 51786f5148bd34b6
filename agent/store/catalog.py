# SPDX-License-Identifier: Apache-2.0
"""The flavors: which sizes servers may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from agent.errors import Conflict, NotFound
from agent.model.server import Flavor
from agent.store import rows
from agent.store.db import Database
from agent.store.schema import flavors


@dataclass(frozen=True, slots=True)
class Catalog:
    """The table `flavors`."""

    db: Database

    def list_flavors(self) -> Sequence[Flavor]:
        """All flavors, the smallest first."""
        statement = select(flavors).order_by(
            flavors.c.ram_mb, flavors.c.vcpus, flavors.c.disk_gb, flavors.c.id
        )
        with self.db.read() as connection:
            return [rows.flavor_from(row) for row in connection.execute(statement)]

    def get_flavor(self, flavor_id: str) -> Flavor:
        """One flavor, or `NotFound`."""
        with self.db.read() as connection:
            row = connection.execute(select(flavors).where(flavors.c.id == flavor_id)).one_or_none()
        if row is None:
            raise NotFound(f"Flavor {flavor_id} could not be found.")
        return rows.flavor_from(row)

    def add_flavor(self, flavor: Flavor) -> None:
        """Add a flavor; `Conflict` when its id or name is taken."""
        try:
            with self.db.write() as connection:
                connection.execute(insert(flavors).values(rows.flavor_values(flavor)))
        except IntegrityError as error:
            raise Conflict(
                f"Flavor with ID {flavor.id} or name {flavor.name} already exists."
            ) from error
