# SPDX-License-Identifier: Apache-2.0
"""What this host may give away to servers: libvirt's facts after ratios and reservations.

Asked of libvirt where waiting does no harm, and remembered for requests, which never wait for it.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

from agent.config import Config
from agent.errors import HostUnavailable
from agent.hypervisor.base import HostFacts, Hypervisor
from agent.model.placement import HostLoad


@dataclass(slots=True)
class Offers:
    """The offer of one host, as last seen."""

    config: Config
    host: Hypervisor
    last: HostLoad | None = None
    facts: HostFacts | None = None

    @property
    def host_name(self) -> str:
        """What this host is called in the API and in the database."""
        return self.config.host or platform.node()

    def learn(self) -> None:
        """Ask libvirt. Blocks."""
        facts, capacity = self.host.facts(), self.config.capacity
        self.facts = facts
        self.last = HostLoad(
            name=self.host_name,
            vcpus=int(facts.vcpus * capacity.cpu_ratio),
            ram_mb=int((facts.ram_mb - capacity.reserved_ram_mb) * capacity.ram_ratio),
            zone=self.config.availability_zone,
        )

    def find(self) -> list[HostLoad]:
        """Say what is offered; blocks on libvirt when it was never asked."""
        if self.last is None:
            self.learn()
        return self.known()

    def known(self) -> list[HostLoad]:
        """Say what is offered without asking libvirt; `HostUnavailable` when it never answered."""
        if self.last is None:
            raise HostUnavailable("libvirt has not answered yet. Try again in a moment.")
        return [self.last]
