# SPDX-License-Identifier: Apache-2.0
"""Makes the host lead floating addresses as is recorded.

As with networks and filters, one path for all: read what is recorded, look at what is there, act on
the difference. It is gone after each change of an address, a group or a rule, after each task, and
with each sweep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.engine.filtering import FirewallStore
from agent.errors import AgentError
from agent.model.firewall import Firewall
from agent.model.floating import Translation


class FloatingStore(Protocol):
    """The recorded floating addresses, in one short transaction."""

    def list_translations(self) -> Sequence[Translation]:
        """Those that lead to a server."""
        ...


class EdgeOfHost(Protocol):
    """What the host does. All may block for some seconds, and raise `HostFailed`."""

    def carry(
        self, translations: Sequence[Translation], firewalls: Mapping[str, Firewall]
    ) -> Sequence[Translation]:
        """Lead these addresses and no others; give those that are led. Firewalls by ports' ids."""
        ...

    def remove(self) -> None:
        """Take all of it from the host."""
        ...


@dataclass(slots=True)
class Floating:
    """Carries floating addresses from the store to the host. May block for some seconds."""

    store: FloatingStore
    firewalls: FirewallStore
    edge: EdgeOfHost
    led: frozenset[tuple[str, str]] = field(default_factory=frozenset)  # from where to where

    def carry(self) -> None:
        """Have the host lead all addresses that lead to a server, and of ours no others."""
        translations = self.store.list_translations()
        firewalls = self.firewalls.list_filtered() if translations else ()
        try:
            led = self.edge.carry(translations, {each.port_id: each for each in firewalls})
        except AgentError:
            self.led = frozenset()
            raise
        self.led = frozenset((each.ip, each.fixed_ip) for each in led)

    def is_led(self, ip: str, fixed_ip: str) -> bool:
        """Whether the host leads the one address to the other, as far as is known."""
        return (ip, fixed_ip) in self.led
