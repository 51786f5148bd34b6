# SPDX-License-Identifier: Apache-2.0
"""A host whose guests take nics while they run: libvirt's test driver has no hot-plugging.

Everything else is the real host's. The tests with real guests plug for real.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agent.hypervisor.host import Host
from agent.model.server import Hardware, Nic


@dataclass(slots=True)
class Guests:
    """What is plugged into which guest, over restarts of the cloud."""

    macs: dict[str, set[str]] = field(default_factory=dict)
    asked: int = 0  # how often a guest was asked to let go
    deaf_for: int = 0  # so often it does not

    def around(self, host: Host) -> Any:
        """The host with these guests."""
        return _Plugging(host, self)


class _Plugging:
    def __init__(self, host: Host, guests: Guests) -> None:
        self._host, self._guests = host, guests

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def plug_nic(self, server_id: str, nic: Nic, hardware: Hardware) -> None:
        if self._host.observe(server_id).is_on:
            self._guests.macs.setdefault(server_id, set()).add(nic.mac)

    def unplug_nic(self, server_id: str, mac: str) -> bool:
        self._guests.asked += 1
        if self._guests.asked <= self._guests.deaf_for:
            return False
        self._guests.macs.get(server_id, set()).discard(mac)
        return True
