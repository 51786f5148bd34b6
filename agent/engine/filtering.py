# SPDX-License-Identifier: Apache-2.0
"""Makes the host filter the ports of its servers as their security groups say.

As with networks, one path for all: read what is recorded, look at what is there, act on the
difference. It is gone after each change of a rule or group, after each task, and with each sweep;
before a server's domain is defined or started, its own ports are seen to.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.errors import HostFailed, HostUnavailable
from agent.hypervisor.base import PortFilters
from agent.model.firewall import Firewall

log = logging.getLogger(__name__)


class FirewallStore(Protocol):
    """The recorded firewalls, each method one short transaction."""

    def list_filtered(self, server_id: str | None = None) -> Sequence[Firewall]:
        """The firewalls of all ports (of one server) that do not let everything pass."""
        ...

    def list_bound(self, port_ids: Collection[str]) -> Sequence[Firewall]:
        """Of some ports those that servers have, each with a firewall that is open."""
        ...


@dataclass(frozen=True, slots=True)
class Filtering:
    """Carries firewalls from the store to the host. May block for a second a port that changes."""

    store: FirewallStore
    filters: PortFilters
    hanging: set[str] = field(default_factory=set)
    """Ports of guests that held up a round: the others go first in the next one."""

    def ensure(self, server_id: str) -> None:
        """Have filters for the ports of one server that is to be started; `HostFailed` if not."""
        for firewall in self.store.list_filtered(server_id):
            self.filters.ensure(firewall)

    def remove(self, port_id: str) -> None:
        """Remove the filter of a port whose domain is gone; nothing when there is none."""
        self.filters.remove(port_id)

    def carry(self) -> None:
        """Have the filters of all ports that need one, and of ours no others.

        What is wrong with one keeps no other from being seen to. `HostUnavailable`, when all else
        is done, for what a later round may bring.
        """
        # In this order: a port is recorded before it is filtered, so what was seen filtered and is
        # no server's port now is a leftover.
        there = self.filters.list_ports()
        filtered = self.store.list_filtered()
        left = there - {firewall.port_id for firewall in filtered}
        opened = self.store.list_bound(left) if left else ()
        for port_id in left - {firewall.port_id for firewall in opened}:
            self.filters.remove(port_id)
        wanted = (*filtered, *opened)
        self.hanging.intersection_update(firewall.port_id for firewall in wanted)
        unavailable = [
            error
            for firewall in sorted(wanted, key=lambda each: each.port_id in self.hanging)
            if (error := self._try(firewall)) is not None
        ]
        if unavailable:
            raise unavailable[0]

    def _try(self, firewall: Firewall) -> HostUnavailable | None:
        try:
            self.filters.ensure(firewall)
        except HostFailed as error:
            log.warning("port %s is not filtered: %s", firewall.port_id, error.message)
        except HostUnavailable as error:
            self.hanging.add(firewall.port_id)
            return error
        self.hanging.discard(firewall.port_id)
        return None
