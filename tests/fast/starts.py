# SPDX-License-Identifier: Apache-2.0
"""Clouds at the state that cases begin with: brought there once, and each case gets a copy.

Half of the crash matrix went into building the same few servers three thousand times. What a cloud
is while none of its processes runs is its files and what libvirt has, and that is what is copied:
a case goes on from there as a process does that was just started. All copies lie in one folder, one
after the other, since libvirt and the files know each other by their paths.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libvirt

from agent.config import Config
from tests.fast.smallcloud import HandClock, SmallCloud

Start = Callable[[SmallCloud], str]
"""Brings a new cloud to a state; the id of its server."""

AS_DEFINED = libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE
AS_IT_IS = libvirt.VIR_DOMAIN_XML_SECURE


@dataclass(frozen=True, slots=True)
class KeptDomain:
    """All that the test driver knows of a domain, but the number that each start gives it."""

    xml: str
    running_xml: str | None  # None: it is off
    state: tuple[int, int]
    is_saved: bool
    autostart: int

    @classmethod
    def of(cls, domain: Any) -> KeptDomain:
        return cls(
            xml=domain.XMLDesc(AS_DEFINED),
            running_xml=_without_number(domain.XMLDesc(AS_IT_IS)) if domain.isActive() else None,
            state=tuple(domain.state()),
            is_saved=bool(domain.hasManagedSaveImage()),
            autostart=domain.autostart(),
        )

    def put_back(self, connection: Any) -> None:
        """Take a domain the way to this state."""
        domain = connection.defineXML(self.running_xml or self.xml)
        domain.setAutostart(self.autostart)
        if self.state != NEVER_ON:
            domain.create()
        if self.is_saved:
            domain.managedSave()
        elif self.state in TURNS:
            TURNS[self.state](domain)
        connection.defineXML(self.xml)


NEVER_ON = (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN)

TURNS: dict[tuple[int, int], Callable[[Any], object]] = {
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER): lambda it: it.suspend(),
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN): lambda it: it.shutdown(),
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED): lambda it: it.destroy(),
}
"""What brings a domain that runs to a state, with libvirt's reason for it."""


@dataclass(frozen=True, slots=True)
class KeptNetwork:
    """All that the test driver knows of a network."""

    xml: str
    is_active: int
    autostart: int

    @classmethod
    def of(cls, network: Any) -> KeptNetwork:
        return cls(network.XMLDesc(0), network.isActive(), network.autostart())

    def put_back(self, connection: Any) -> None:
        network = connection.networkDefineXML(self.xml)
        network.setAutostart(self.autostart)
        if self.is_active:
            network.create()


@dataclass(frozen=True, slots=True)
class Libvirt:
    """All that a test driver's connection has of ours."""

    domains: tuple[KeptDomain, ...]
    networks: tuple[KeptNetwork, ...]

    @classmethod
    def of(cls, connection: Any) -> Libvirt:
        return cls(
            tuple(map(KeptDomain.of, connection.listAllDomains())),
            tuple(map(KeptNetwork.of, connection.listAllNetworks())),
        )

    def open(self, uri: str) -> Any:
        """A new connection that has the same."""
        connection = libvirt.open(uri)
        for network in self.networks:
            network.put_back(connection)
        for domain in self.domains:
            domain.put_back(connection)
        return connection


@dataclass(frozen=True, slots=True)
class Kept:
    """A cloud at a start, while no process runs."""

    server_id: str
    config: Config
    at_s: float
    wrap: Callable[[Any], Any]  # what stands for the guests is copied too
    files: Path
    libvirt: Libvirt


@dataclass(slots=True)
class Starts:
    """The starts that were asked for so far, in a folder of their own."""

    template: Path
    folder: Path
    kept: dict[Start, Kept] = field(default_factory=dict)
    taken: SmallCloud | None = None

    def take(self, start: Start) -> tuple[SmallCloud, str]:
        """A cloud at a start, which is yet to be booted, and its server's id; one at a time."""
        if start not in self.kept:
            self.kept[start] = self._keep(start)
        kept = self.kept[start]
        shutil.copytree(kept.files, self._state)
        self.taken = SmallCloud(
            kept.config,
            kept.libvirt.open(kept.config.libvirt_uri),
            clock=HandClock(kept.at_s),
            wrap=deepcopy(kept.wrap),
        )
        return self.taken, kept.server_id

    def give_back(self) -> None:
        """Make room for the next."""
        taken, self.taken = self.taken, None
        shutil.rmtree(self._state, ignore_errors=taken is None)
        if taken is not None:
            taken.close()

    @property
    def _state(self) -> Path:
        return self.folder / "state"

    def _keep(self, start: Start) -> Kept:
        cloud = SmallCloud.open(self.template, self.folder)
        server_id = start(cloud)
        cloud.halt()
        files = self.folder / f"kept-{len(self.kept)}"
        shutil.move(self._state, files)
        there = Libvirt.of(cloud.connection)
        assert Libvirt.of(there.open(cloud.config.libvirt_uri)) == there
        return Kept(server_id, cloud.config, cloud.clock.at_s, cloud.wrap, files, there)


def _without_number(xml: str) -> str:
    """A running domain's XML without the number that it got when it was started."""
    head, rest = xml.split(">", 1)
    return f"{head.split(' id=')[0]}>{rest}"
