# SPDX-License-Identifier: Apache-2.0
"""Makes the DHCP reservations of our networks follow the ports that are recorded.

A reservation takes libvirt a quarter of a second, for it rewrites all firewall rules of the
network: more than half of what a whole build takes. So a few spare ports of each network are
reserved ahead of the next servers, whenever there is time. The same round heals what was done to a
network from outside: what is missing is made again, what no port knows is removed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from agent.engine.clock import Clock
from agent.engine.ports import TaskStore
from agent.hypervisor.base import Hypervisor, NetworkSpec, Reservation

log = logging.getLogger(__name__)

SPARES = 4
"""So many servers in a row find their address reserved; the next ones wait for it."""

OURS = "fa:16:3e:"
"""How the MACs of our ports begin: other entries of the network are somebody's own."""


@dataclass(slots=True)
class Reservations:
    """Keeps a network's reservations; may block for a second."""

    store: TaskStore
    hypervisor: Hypervisor
    clock: Clock
    rest_s: float

    def keep(self, network: NetworkSpec) -> set[str]:
        """Reserve the spare ports, remove strays; give the servers that lack a reservation.

        Those are left to whoever owns the server at the time: it may just be deleted.
        """
        if not network.dhcp:
            return set()
        # In this order: a port is recorded before it is reserved, so what was seen reserved and has
        # no port now is a stray.
        reserved = set(self.hypervisor.list_reservations(network.name))
        ports = self.store.keep_spares(network.uuid, SPARES, self.rest_s, self.clock.now())
        known = {port.nic.mac for port in ports}
        for stray in reserved:
            is_ours = network.is_private or stray.mac.startswith(OURS)
            if is_ours and stray.mac not in known:
                log.info("network %s: removing the stray reservation %s", network.name, stray)
                self.hypervisor.release(network.name, stray.mac)
        lacking = set()
        for port in ports:
            wanted = Reservation(port.nic.mac, port.nic.ip)
            if wanted in reserved:
                continue
            if port.server_id is None:
                self.hypervisor.reserve(network.name, wanted)
            else:
                lacking.add(port.server_id)
        return lacking
