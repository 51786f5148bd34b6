# SPDX-License-Identifier: Apache-2.0
"""One host's libvirt: the verbs of `base.Hypervisor` over a few connections.

Events have a connection of their own, and so have the calls that may wait for a guest or must not
wait behind the others; at most four calls of the other verbs are in flight, each on a connection
that it has for itself. Nothing is opened before it is needed. Every verb may be called from several
threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt

from agent.errors import HostFailed
from agent.hypervisor import copying, counters, guest, hardware, networks, nics, survey
from agent.hypervisor.base import (
    Copy,
    DomainSpec,
    HostFacts,
    Listeners,
    NetworkSpec,
    Reservation,
    Survey,
    TakenNetwork,
)
from agent.hypervisor.connection import Link, Pool
from agent.hypervisor.cpufacts import read_cpu
from agent.hypervisor.domainxml import find_disk, render_domain, render_nic
from agent.hypervisor.errors import NoSuchThingError, UnsupportedCallError, translated
from agent.hypervisor.events import LOOP, Watcher
from agent.hypervisor.filters import Filters
from agent.hypervisor.survey import version_text
from agent.hypervisor.words import SHUTOFF_SAVED, STATE_SHUTOFF, read_state
from agent.model.diagnostics import Diagnostics
from agent.model.observation import Observation, Seen
from agent.model.server import Hardware, Nic

CALLS_IN_FLIGHT = 4
AGENT_TIMEOUT_S = 3
FREEZE_TIMEOUT_S = 10  # a guest writes all down before


class Host:
    """A libvirt host. `owner` marks our domains: nothing else is ever changed."""

    def __init__(
        self,
        uri: str,
        *,
        owner: str,
        version: str = "",
        virt_type: str = "auto",
        connect: Callable[[], Any] | None = None,
    ) -> None:
        """`version` is ours and goes into the mark of what is defined.

        `connect`, when given, is asked for each connection instead of opening `uri`.

        What it returns may be shared and is not closed here: a `test:///FILE` keeps its state in
        the connection.
        """
        self._owner = owner
        self._version = version
        self._wanted_virt_type = virt_type
        # The test driver keeps a host for each connection: with two, half of it would be missing.
        in_flight = 1 if uri.startswith("test:///") else CALLS_IN_FLIGHT
        self._work = Pool(uri, size=in_flight, connect=connect)
        self._watch = Link(uri, keepalive=True, connect=connect)
        self._aside = Link(uri, connect=connect)
        self._network_lock = threading.Lock()
        self.filters = Filters(self._work, owner)
        self._watcher: Watcher | None = None

    def watch(self, listeners: Listeners) -> None:
        """Start to tell of events and of the connection's coming and going. Returns at once."""
        LOOP.hold()
        # Events and keepalive work only over connections that were opened after this.
        for link in (self._watch, self._work, self._aside):
            link.drop()
        self._watcher = Watcher(self._watch, listeners)
        self._watcher.start()

    def close(self) -> None:
        """Stop watching and let go of both connections. Blocks for some seconds at most."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
        for link in (self._watch, self._work, self._aside):
            link.drop()
        if watcher is not None:
            LOOP.let_go()

    def facts(self) -> HostFacts:
        """What the host offers."""
        with self._work.use() as connection:
            return HostFacts(
                hostname=connection.getHostname(),
                vcpus=connection.getInfo()[2],
                ram_mb=_read_ram_mb(connection),
                virt_type=self._virt_type(connection),
                libvirt_version=version_text(connection.getLibVersion()),
                hypervisor_version=version_text(connection.getVersion()),
                driver=connection.getType(),
                cpu=read_cpu(connection),
            )

    def resolve_hardware(self, image_properties: Mapping[str, str]) -> Hardware:
        """Choose machine, CPU and buses for a new guest; `BadRequest` names a bad property."""
        with self._work.use() as connection:
            return hardware.resolve(connection, self._virt_type(connection), image_properties)

    def observe(self, server_id: str) -> Observation:
        """Look at one domain; a domain that does not exist is `Seen.ABSENT`."""
        with self._work.use() as connection:
            domain = guest.find(connection, server_id)
            return Observation(Seen.ABSENT) if domain is None else guest.observe(domain)

    def sweep(self) -> Mapping[str, Observation]:
        """Look at all domains of the host by two bulk calls, by uuid."""
        with self._work.use() as connection:
            # In this order a domain that is started or saved in between is not taken for off.
            saved = {
                domain.UUIDString()
                for domain in connection.listAllDomains(
                    libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE
                )
            }
            # More than the state would wait for each guest that is slow to answer.
            stats = connection.getAllDomainStats(
                libvirt.VIR_DOMAIN_STATS_STATE, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
            )
            return {
                domain.UUIDString(): _read_stats(domain, numbers, saved)
                for domain, numbers in stats
                if "state.state" in numbers
            }

    def define(self, spec: DomainSpec) -> None:
        """Define the domain from its spec, over whatever was defined before.

        libvirt takes the same XML again as no change, and edits made past us are undone: what is
        defined is what the spec says.
        """
        with self._work.use() as connection:
            self._find_own(connection, spec.server_id)
            with self.filters.held(connection, [nic.port_id for nic in spec.nics]) as filters:
                connection.defineXML(self._render(spec, filters))

    def start(self, server_id: str) -> None:
        """Start the domain unless it is on."""
        with self._own(server_id) as domain:
            guest.start(domain)

    def shutdown(self, server_id: str) -> None:
        """Press the power button once; the guest may ignore it. Nothing when it is off."""
        with self._own(server_id) as domain:
            guest.shutdown(domain)

    def destroy(self, server_id: str) -> None:
        """Pull the plug; nothing when it is off or absent."""
        with suppress(NoSuchThingError), self._own(server_id) as domain:
            guest.destroy(domain)

    def pause(self, server_id: str) -> None:
        """Stop the guest's CPUs, unless they are stopped; `HostFailed` when it is off."""
        with self._own(server_id) as domain:
            guest.pause(domain)

    def unpause(self, server_id: str) -> None:
        """Let the guest's CPUs go on, unless they do; `HostFailed` when it is off."""
        with self._own(server_id) as domain:
            guest.unpause(domain)

    def save(self, server_id: str) -> None:
        """Write the guest's memory to the host's disk and end it; nothing when that is done."""
        with self._own(server_id) as domain:
            guest.save(domain)

    def has_whole_save(self, server_id: str) -> bool:
        """Whether there is saved memory, and all of it: a power cut leaves half of it behind."""
        with self._own(server_id) as domain:
            return guest.has_whole_save(domain)

    def abort(self, server_id: str) -> None:
        """End a `save` that is under way, which then fails; nothing when there is none."""
        with suppress(NoSuchThingError), self._own(server_id, self._aside) as domain:
            guest.abort(domain)

    def set_clock(self, server_id: str) -> bool:
        """Set the guest's clock through its agent; False when no agent answers within seconds."""
        with self._own(server_id, self._aside) as domain:
            return guest.set_clock(domain, timeout_s=AGENT_TIMEOUT_S)

    def set_password(self, server_id: str, user: str, secret: str, *, is_hash: bool) -> None:
        """Have the guest's agent set an account's password; `HostFailed` when none does."""
        with self._own(server_id, self._aside) as domain:
            guest.set_password(domain, user, secret, is_hash=is_hash, timeout_s=AGENT_TIMEOUT_S)

    def begin_copy(
        self, server_id: str, source: Path, target: Path, *, must_freeze: bool = False
    ) -> bool:
        """Begin to copy a disk of a guest that is on; False where no QEMU holds the disk."""
        with self._aside_with(server_id) as (domain, driver):
            return copying.begin(
                *(domain, driver, source, target),
                must_freeze=must_freeze,
                timeout_s=FREEZE_TIMEOUT_S,
            )

    def look_at_copy(self, server_id: str) -> Copy:
        """How far the copy is that was begun last."""
        with self._aside_with(server_id) as (domain, driver):
            return copying.look(domain, driver)

    def end_copy(self, server_id: str) -> None:
        """End a copy that is being made; nothing when there is none, or no domain."""
        with suppress(NoSuchThingError), self._aside_with(server_id) as (domain, driver):
            copying.end(domain, driver, FREEZE_TIMEOUT_S)

    def thaw(self, server_id: str) -> None:
        """Let a guest go on whose file systems a killed agent may have left frozen."""
        with suppress(NoSuchThingError), self._own(server_id, self._aside) as domain:
            copying.thaw(domain, FREEZE_TIMEOUT_S)

    def diagnose(self, server_id: str) -> Diagnostics | None:
        """Counters of a running guest; None when it is off."""
        with self._own(server_id, self._aside) as domain:
            return counters.diagnose(domain)

    def lives_on_disk(self, server_id: str) -> bool:
        """Whether the guest's system has surely taken the disk that it booted from as its own."""
        with self._own(server_id) as domain:
            return guest.lives_on_disk(domain)

    def plug_own_disk(self, spec: DomainSpec) -> None:
        """Give a guest in rescue its own disk while it runs, and whenever it is started again."""
        with self._own(spec.server_id) as domain:
            disk = find_disk(self._render(spec, {}), spec.disk_path)
            guest.plug_disk(domain, disk, spec.disk_path)
        self.define(spec)

    def inject_nmi(self, server_id: str) -> None:
        """Send the guest a non-maskable interrupt; `HostFailed` when it is off."""
        with self._own(server_id) as domain:
            guest.inject_nmi(domain)

    def drop_saved(self, server_id: str) -> None:
        """Remove a saved memory image, if there is one."""
        with suppress(NoSuchThingError), self._own(server_id) as domain:
            guest.drop_saved(domain)

    def undefine(self, server_id: str) -> None:
        """Remove the domain with its saved image and NVRAM; nothing when absent."""
        with suppress(NoSuchThingError), self._own(server_id) as domain:
            guest.undefine(domain)

    def ensure_network(self, spec: NetworkSpec) -> None:
        """Define and start the network, autostarted, unless it is there and runs."""
        with self._network_lock, self._work.use() as connection:
            networks.ensure(connection, self._marked(spec))

    def list_private_networks(self) -> Mapping[str, str]:
        """All networks that bear our mark: the host's own address on each, by uuid."""
        with self._work.use() as connection:
            return networks.list_private(connection, self._owner)

    def remove_network(self, uuid: str) -> None:
        """Stop and undefine a network that bears our mark; nothing when there is none."""
        with self._network_lock, self._work.use() as connection:
            networks.remove(connection, uuid, self._owner)

    def plug_nic(self, server_id: str, nic: Nic, hardware: Hardware) -> None:
        """Plug a nic into a guest that is on, unless it has it; nothing when it is off."""
        with (
            self._own(server_id) as domain,
            self.filters.held(domain.connect(), [nic.port_id]) as filters,
        ):
            nics.plug(domain, nic.mac, render_nic(nic, hardware, filters))

    def unplug_nic(self, server_id: str, mac: str) -> bool:
        """Ask a guest to let go of a nic; whether it has (or is off). Blocks for some seconds."""
        with self._own(server_id) as domain:
            return nics.unplug(domain, mac)

    def change_network(self, spec: NetworkSpec) -> None:
        """Make the network what the spec says; `Conflict` while guests run on it."""
        with self._network_lock, self._work.use() as connection:
            networks.change(connection, spec)

    def list_networks(self) -> list[TakenNetwork]:
        """All networks of this libvirt, whoever made them."""
        with self._work.use() as connection:
            return networks.list_taken(connection)

    def reserve(self, libvirt_network: str, reservation: Reservation) -> None:
        """Make a DHCP reservation, unless it is there.

        Takes a quarter of a second: libvirt rewrites all firewall rules of the network.
        """
        with self._network_lock, self._work.use() as connection:
            network = networks.find(connection, libvirt_network)
            if network is None:
                raise HostFailed(f"libvirt network {libvirt_network!r} does not exist.")
            networks.reserve(network, reservation)

    def release(self, libvirt_network: str, mac: str) -> None:
        """Remove the DHCP reservation of a MAC; nothing when there is none."""
        with self._network_lock, self._work.use() as connection:
            network = networks.find(connection, libvirt_network)
            if network is not None:
                networks.release(network, mac)

    def list_reservations(self, libvirt_network: str) -> list[Reservation]:
        """All DHCP host entries of a network; empty when the network does not exist."""
        with self._work.use() as connection:
            network = networks.find(connection, libvirt_network)
            return [] if network is None else networks.list_entries(network)

    def survey(self) -> Survey:
        """List all that is on this libvirt, whoever made it; one call a domain and a network."""
        with self._work.use() as connection:
            return survey.take(connection)

    def list_owned(self) -> list[str]:
        """Uuids of all domains that bear the mark of this installation; one call a domain."""
        with self._work.use() as connection:
            return [
                domain.UUIDString()
                for domain in connection.listAllDomains()
                if guest.find_owner(domain) == self._owner
            ]

    @contextmanager
    def _own(self, server_id: str, link: Link | Pool | None = None) -> Iterator[Any]:
        """Lend the domain; `NoSuchThingError` when there is none or it vanishes meanwhile."""
        with (link or self._work).use() as connection:
            domain = self._find_own(connection, server_id)
            if domain is None:
                raise NoSuchThingError(f"Domain {server_id} does not exist on this host.")
            yield domain

    @contextmanager
    def _aside_with(self, server_id: str) -> Iterator[tuple[Any, str]]:
        """Lend the domain, for calls that may wait for its guest, with the driver's name."""
        with self._own(server_id, self._aside) as domain:
            yield domain, domain.connect().getType()

    def _find_own(self, connection: Any, server_id: str) -> Any:
        """Find the domain, or None; `HostFailed` when it is somebody else's."""
        domain = guest.find(connection, server_id)
        if domain is None or guest.find_owner(domain) == self._owner:
            return domain
        raise HostFailed(
            f"Domain {domain.name()} ({server_id}) was not made by this cloud; it is left alone."
        )

    def _render(self, spec: DomainSpec, filters: Mapping[str, str]) -> str:
        return render_domain(spec, owner=self._owner, version=self._version, filters=filters)

    def _marked(self, spec: NetworkSpec) -> NetworkSpec:
        return replace(spec, owner=self._owner) if spec.is_private else spec

    def _virt_type(self, connection: Any) -> str:
        return hardware.choose_virt_type(self._wanted_virt_type, connection.getType())


def _read_stats(domain: Any, numbers: Mapping[str, int], saved: set[str]) -> Observation:
    state, reason = numbers["state.state"], numbers.get("state.reason", 0)
    is_saved = domain.UUIDString() in saved
    if state == STATE_SHUTOFF and reason == SHUTOFF_SAVED and not is_saved:
        # Saved between the two calls, or saved by hand to a file elsewhere: ask.
        return guest.observe(domain)
    return read_state(state, reason, domain_id=domain.ID(), is_saved=is_saved)


def _read_ram_mb(connection: Any) -> int:
    """The host's RAM in MiB, as the kernel says it now.

    `getInfo` adds up NUMA nodes instead, which lag behind where memory is plugged in or ballooned.
    """
    try:
        with translated():
            total_kib: int = connection.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)[
                "total"
            ]
    except UnsupportedCallError:
        total_mib: int = connection.getInfo()[1]
        return total_mib
    return total_kib // 1024
