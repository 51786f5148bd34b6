# SPDX-License-Identifier: Apache-2.0
"""Tags of networks, ports and the like, to be changed. They are read with what they are of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, select, update

from agent.errors import NotFound
from agent.store.db import Database
from agent.store.groupschema import security_groups
from agent.store.netschema import floating_ips, networks, ports, subnets

_TABLES: Mapping[str, Table] = {
    "network": networks,
    "subnet": subnets,
    "port": ports,
    "security_group": security_groups,
    "floatingip": floating_ips,
}


@dataclass(frozen=True, slots=True)
class NetworkTags:
    """The column `tags` of the tables of what has tags."""

    db: Database

    def change(
        self,
        kind: str,
        its_id: str,
        change: Callable[[frozenset[str]], Collection[str]],
        now: datetime,
    ) -> None:
        """Give a thing of a kind of `_TABLES` the tags that `change` makes of those it has.

        What `change` raises goes through; `NotFound` when the thing is gone. Nothing is written
        then, nor when it has just these tags.
        """
        table = _TABLES[kind]
        with self.db.write() as connection:
            row = connection.execute(select(table.c.tags).where(table.c.id == its_id)).first()
            if row is None:
                raise NotFound(f"{kind.capitalize()} {its_id} could not be found.")
            had = frozenset(row.tags)
            tags = frozenset(change(had))
            if tags != had:
                connection.execute(
                    update(table)
                    .where(table.c.id == its_id)
                    .values(tags=sorted(tags), updated_at=now, revision=table.c.revision + 1)
                )
