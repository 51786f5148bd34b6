# SPDX-License-Identifier: Apache-2.0
"""Makes the record of a resting server say what its domain is.

One path for events, sweeps and restarts: look afresh, ask the settle table, compare-and-swap. Lost,
doubled and late events therefore change nothing; they only make us look sooner or later.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.engine.clock import Clock
from agent.engine.ports import TaskStore
from agent.hypervisor.base import Hypervisor, Reservation
from agent.model.change import ServerChange
from agent.model.observation import Observation, Seen
from agent.model.server import Fault, Rest, Server
from agent.model.settle import settle

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 2.0
"""After a domain was not found once: libvirt may be loading its domains still."""


@dataclass(slots=True)
class Reconciler:
    """Compares what is recorded with what is there."""

    store: TaskStore
    hypervisor: Hypervisor
    clock: Clock
    missed: set[str] = field(default_factory=set)
    """Servers whose domain was absent at the last look."""

    unreserved: set[str] = field(default_factory=set)
    """Servers whose network has lost their addresses."""

    def look(self, server: Server) -> float | None:
        """Look at a resting server and settle it; seconds until it wants another look, or None."""
        observed = self.hypervisor.observe(server.id)
        settlement = settle(server.vm_state, observed)
        if observed.seen is not Seen.ABSENT:
            self.missed.discard(server.id)
            self._reserve_again(server)
        elif settlement is not None and server.id not in self.missed:
            self.missed.add(server.id)
            return LOOK_AGAIN_S
        now = self.clock.now()
        change = ServerChange(power_state=observed.power_state)
        if settlement is None:
            if server.power_state is not observed.power_state:
                self.store.settle_server(server.id, server.vm_state, change, "", now)
            return None
        change["vm_state"] = settlement.vm_state
        if settlement.fault is not None:
            change["fault"] = Fault(code=500, message=settlement.fault, created_at=now)
        if self.store.settle_server(server.id, server.vm_state, change, settlement.note, now):
            log.info("server %s: %s", server.id, settlement.note)
        self.missed.discard(server.id)
        return None

    def _reserve_again(self, server: Server) -> None:
        if server.id in self.unreserved:
            for nic in server.nics:
                self.hypervisor.reserve(nic.libvirt_network, Reservation(nic.mac, nic.ip))
            self.unreserved.discard(server.id)

    def sweep(self, host: str) -> list[str]:
        """Compare all servers of the host with one bulk look; the ids of those that differ."""
        seen: Mapping[str, Observation] = self.hypervisor.sweep()
        absent = Observation(Seen.ABSENT)
        return [
            rest.server_id
            for rest in self.store.list_rests(host)
            if rest.task_state is None and _differs(rest, seen.get(rest.server_id, absent))
        ]


def _differs(rest: Rest, observed: Observation) -> bool:
    return (
        settle(rest.vm_state, observed) is not None or rest.power_state is not observed.power_state
    )
