# SPDX-License-Identifier: Apache-2.0
"""The verbs that the workflows and the engine ask of a host, and the values they pass.

No libvirt here: this is the border that the pure side may import. Every verb may block on libvirt.
Every verb looks first and acts on the difference, so that doing it twice is harmless.
Errors: `HostUnavailable` when libvirt does not answer (try later), `HostFailed` when it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from agent.model.diagnostics import Diagnostics
from agent.model.firewall import Firewall
from agent.model.host import CpuFacts
from agent.model.observation import DomainEvent, Observation
from agent.model.server import Hardware, Nic


@dataclass(frozen=True, slots=True)
class BootSpec:
    """What QEMU starts itself, without the disk's boot loader."""

    kernel_path: Path
    ramdisk_path: Path | None
    command_line: str


@dataclass(frozen=True, slots=True)
class RescueDisk:
    """A disk that takes the place of the guest's own one, which becomes the second."""

    path: Path
    backing_path: Path  # both are qcow2
    is_alone: bool = False  # the own disk is to come later, by `plug_own_disk`, if it can


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """All that a domain's XML is made of: a value, so that equal specs give equal XML."""

    server_id: str  # the domain's uuid
    domain_name: str  # libvirt's name of it, unique on the host
    server_name: str  # free text: goes into <title> and our metadata, escaped
    project_id: str
    user_id: str
    image_id: str
    flavor_name: str
    vcpus: int
    ram_mb: int  # MiB
    disk_path: Path
    disk_format: str  # "qcow2" or "raw": recorded once, never probed
    backing_path: Path | None  # the cached base below the overlay, named in the XML
    backing_format: str
    config_drive_path: Path | None
    console_log_path: Path
    nics: tuple[Nic, ...]
    hardware: Hardware
    boot: BootSpec | None = None  # None: the disk boots itself
    rescue: RescueDisk | None = None


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A libvirt network of ours: isolated (the default), NAT or routed; IPv4, DHCP by dnsmasq."""

    name: str  # libvirt's name, "cumulet"
    bridge: str  # "cumulet0"
    cidr: str  # "10.70.0.0/24"
    gateway: str  # the host's own address on the bridge
    dhcp_start: str
    dhcp_end: str
    mode: str = "isolated"  # or "nat", or "route", where others do the translation
    dhcp: bool = True
    uuid: str = ""
    dns: tuple[str, ...] = ()
    is_private: bool = False  # a project has made it: it bears our mark, and goes with its row
    owner: str = ""  # what the mark of a private one names: the host says it


@dataclass(frozen=True, slots=True)
class TakenNetwork:
    """A network that libvirt has already, whoever made it."""

    name: str
    bridge: str
    cidr: str | None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host offers, before ratios and reservations."""

    hostname: str
    vcpus: int
    ram_mb: int  # MiB
    virt_type: str  # what `virt_type: auto` resolved to
    libvirt_version: str
    hypervisor_version: str
    driver: str = ""  # "QEMU", "TEST"
    cpu: CpuFacts = field(default_factory=CpuFacts)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A DHCP host entry of a libvirt network."""

    mac: str
    ip: str


class CopyState(StrEnum):
    """How far the copy of a running guest's disk is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"  # there is none, or libvirt has forgotten it


@dataclass(frozen=True, slots=True)
class Copy:
    """What libvirt says of such a copy."""

    state: CopyState
    reason: str = ""  # why it failed


@dataclass(frozen=True, slots=True)
class FoundDomain:
    """A domain of this libvirt, whoever made it."""

    uuid: str
    name: str
    owner: str | None  # the installation that our mark in it names; None when it bears none
    is_on: bool


@dataclass(frozen=True, slots=True)
class FoundNetwork:
    """A network of this libvirt, whoever made it."""

    name: str
    bridge: str
    address: str  # the host's own on it; "" when it has none
    is_active: bool
    is_autostarted: bool
    reservations: tuple[Reservation, ...] = ()
    uuid: str = ""
    owner: str | None = None  # that our mark in it names; only private ones bear it


@dataclass(frozen=True, slots=True)
class Survey:
    """All that is on a libvirt, at one moment: for a look from outside."""

    driver: str  # "QEMU", "TEST"
    libvirt_version: str
    hypervisor_version: str
    domains: tuple[FoundDomain, ...] = ()
    networks: tuple[FoundNetwork, ...] = ()
    has_filters: bool = True  # its driver of network filters is there


class Hypervisor(Protocol):
    """One host's libvirt, in the verbs that we need."""

    def facts(self) -> HostFacts:
        """What the host offers."""
        ...

    def resolve_hardware(self, image_properties: Mapping[str, str]) -> Hardware:
        """Choose machine, CPU and buses for a new guest; `BadRequest` names a bad property."""
        ...

    def observe(self, server_id: str) -> Observation:
        """Look at one domain; a domain that does not exist is `Seen.ABSENT`."""
        ...

    def sweep(self) -> Mapping[str, Observation]:
        """Look at all domains of the host by bulk calls (never one call a domain), by uuid."""
        ...

    def define(self, spec: DomainSpec) -> None:
        """Define the domain, or redefine it when its XML would differ."""
        ...

    def start(self, server_id: str) -> None:
        """Start the domain unless it is on."""
        ...

    def shutdown(self, server_id: str) -> None:
        """Press the power button once; the guest may ignore it. Nothing when it is off."""
        ...

    def destroy(self, server_id: str) -> None:
        """Pull the plug; nothing when it is off or absent."""
        ...

    def pause(self, server_id: str) -> None:
        """Stop the guest's CPUs, unless they are stopped; `HostFailed` when it is off."""
        ...

    def unpause(self, server_id: str) -> None:
        """Let the guest's CPUs go on, unless they do; `HostFailed` when it is off."""
        ...

    def save(self, server_id: str) -> None:
        """Write the guest's memory to the host's disk and end it; nothing when that is done.

        Takes as long as the disk does. `start` brings the guest back. `HostFailed` when it is off.
        """
        ...

    def has_whole_save(self, server_id: str) -> bool:
        """Whether there is saved memory, and all of it: a power cut leaves half of it behind."""
        ...

    def abort(self, server_id: str) -> None:
        """End a `save` that is under way, which then fails; nothing when there is none."""
        ...

    def set_clock(self, server_id: str) -> bool:
        """Set the guest's clock through its agent; False when no agent answers within seconds."""
        ...

    def set_password(self, server_id: str, user: str, secret: str, *, is_hash: bool) -> None:
        """Have the guest's agent set an account's password, given as crypt hash or in clear.

        Within seconds `GuestSilent` when no agent answers, and `HostFailed` when it refuses.
        """
        ...

    def begin_copy(
        self, server_id: str, source: Path, target: Path, *, must_freeze: bool = False
    ) -> bool:
        """Begin to copy a disk of a guest that is on, as it is now, into a new flat qcow2 file.

        Its file systems are frozen for that instant where its agent can, and must be if
        `must_freeze` says so. False where no QEMU holds the disk: then it can just be read.
        """
        ...

    def look_at_copy(self, server_id: str) -> Copy:
        """How far the copy is that was begun last."""
        ...

    def end_copy(self, server_id: str) -> None:
        """End a copy that is being made; nothing when there is none, or no domain."""
        ...

    def thaw(self, server_id: str) -> None:
        """Let a guest go on whose file systems a killed agent may have left frozen."""
        ...

    def diagnose(self, server_id: str) -> Diagnostics | None:
        """Counters of a running guest; None when it is off."""
        ...

    def lives_on_disk(self, server_id: str) -> bool:
        """Whether the guest's system has surely taken the disk that it booted from as its own."""
        ...

    def plug_own_disk(self, spec: DomainSpec) -> None:
        """Give a guest in rescue its own disk while it runs, and whenever it is started again."""
        ...

    def inject_nmi(self, server_id: str) -> None:
        """Send the guest a non-maskable interrupt; `HostFailed` when it is off."""
        ...

    def drop_saved(self, server_id: str) -> None:
        """Remove a saved memory image, if there is one."""
        ...

    def undefine(self, server_id: str) -> None:
        """Remove the (stopped) domain with its saved image and NVRAM; nothing when absent."""
        ...

    def ensure_network(self, spec: NetworkSpec) -> None:
        """Define and start the network, autostarted, unless it is there and runs."""
        ...

    def list_private_networks(self) -> Mapping[str, str]:
        """All networks that bear our mark: the host's own address on each, by uuid."""
        ...

    def remove_network(self, uuid: str) -> None:
        """Stop and undefine a network that bears our mark; nothing when there is none."""
        ...

    def plug_nic(self, server_id: str, nic: Nic, hardware: Hardware) -> None:
        """Plug a nic into a guest that is on, unless it has it; nothing when it is off."""
        ...

    def unplug_nic(self, server_id: str, mac: str) -> bool:
        """Ask a guest to let go of a nic; whether it has (or is off). Blocks for some seconds."""
        ...

    def reserve(self, libvirt_network: str, reservation: Reservation) -> None:
        """Make a DHCP reservation. libvirt takes a quarter of a second for it."""
        ...

    def release(self, libvirt_network: str, mac: str) -> None:
        """Remove the DHCP reservation of a MAC; nothing when there is none."""
        ...

    def list_reservations(self, libvirt_network: str) -> list[Reservation]:
        """All DHCP host entries of a network; empty when the network does not exist."""
        ...

    def list_owned(self) -> list[str]:
        """Uuids of all domains that bear our metadata."""
        ...


class PortFilters(Protocol):
    """The network filters that a host's libvirt has for our ports."""

    def list_ports(self) -> Set[str]:
        """The ids of the ports that have one."""
        ...

    def ensure(self, firewall: Firewall) -> None:
        """Filter a port as its firewall says, at once in a guest that runs; an open one: as it is.

        Takes a second where something changes.
        """
        ...

    def remove(self, port_id: str) -> None:
        """Remove the filter of a port that is no server's; one that is in use still stays."""
        ...


@dataclass(frozen=True, slots=True)
class Listeners:
    """Whom the event side calls, from its own thread: they must return at once."""

    on_event: Callable[[DomainEvent], None]
    on_connected: Callable[[], None]
    on_lost: Callable[[str], None] = field(default=lambda reason: None)
