# SPDX-License-Identifier: Apache-2.0
"""The use cases of aggregates: hosts that an administrator takes together."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.hosts import Hosts
from agent.model.host import ZONE, Aggregate
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Aggregates:
    """For administrators. `NotFound` for an id that no aggregate has."""

    store: Store
    hosts: Hosts
    now: Callable[[], datetime]

    def list(self) -> Sequence[Aggregate]:
        """All aggregates."""
        return self.store.aggregates.list()

    def get(self, aggregate_id: int) -> Aggregate:
        """One aggregate."""
        return self.store.aggregates.get(aggregate_id)

    def create(self, name: str, zone: str | None) -> Aggregate:
        """Make an aggregate, its hosts to be in a zone or not; `Conflict` for a taken name."""
        return self.store.aggregates.add(str(uuid.uuid4()), name, zone, self.now())

    def update(self, aggregate_id: int, changes: Mapping[str, str | None]) -> Aggregate:
        """Set the name, the zone, or both; `Conflict` and `BadRequest` as the store says."""
        aggregate = self.get(aggregate_id)
        name = changes.get("name")
        if name is not None:
            aggregate = self.store.aggregates.rename(aggregate_id, name, self.now())
        if ZONE in changes:
            aggregate = self.store.aggregates.set_metadata(
                aggregate_id, {ZONE: changes[ZONE]}, self.now(), doing="update aggregate"
            )
        return aggregate

    def set_metadata(self, aggregate_id: int, changes: Mapping[str, str | None]) -> Aggregate:
        """Set keys of the metadata, and remove those whose value is None."""
        return self.store.aggregates.set_metadata(
            aggregate_id, changes, self.now(), doing="update aggregate metadata"
        )

    def delete(self, aggregate_id: int) -> None:
        """Remove an aggregate that has no hosts; else `BadRequest`."""
        self.store.aggregates.delete(aggregate_id)

    def add_host(self, aggregate_id: int, host: str) -> Aggregate:
        """Put a host into an aggregate; `NotFound` when there is none of the name."""
        self.hosts.check_host(host)
        return self.store.aggregates.add_host(
            aggregate_id, host, self.now(), default_zone=self.hosts.default_zone
        )

    def remove_host(self, aggregate_id: int, host: str) -> Aggregate:
        """Take a host out of an aggregate."""
        return self.store.aggregates.remove_host(
            aggregate_id, host, self.now(), default_zone=self.hosts.default_zone
        )
