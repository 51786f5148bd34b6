# SPDX-License-Identifier: Apache-2.0
"""The host's verbs over a private libvirtd with real QEMU guests under emulation."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from agent.errors import BadRequest, Conflict, HostFailed, HostUnavailable
from agent.hypervisor.base import DomainSpec, Listeners, Reservation
from agent.hypervisor.domainxml import render_domain
from agent.hypervisor.host import Host
from agent.model.observation import DomainEvent, Seen
from agent.model.server import Hardware
from tests.domain_specs import OWNER, make_network, make_nic, reservation_of
from tests.lab.guests import LabGuest
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for
from tests.real.specs import tiny_spec

pytestmark = pytest.mark.real

HOSTILE_NAME = "</title><disk type='block'/> ]]> &xxe; \u2601"


@dataclass
class Heard:
    """What the listener was told, in order: texts of events, and the connection's fate."""

    events: list[DomainEvent] = field(default_factory=list)
    fates: list[str] = field(default_factory=list)

    def listeners(self) -> Listeners:
        return Listeners(
            self.events.append,
            lambda: self.fates.append("connected"),
            lambda reason: self.fates.append(f"lost: {reason}"),
        )

    def texts(self, server_id: str) -> list[str]:
        return [event.text for event in self.events if event.server_id == server_id]

    def wait_for_text(self, server_id: str, text: str) -> None:
        wait_for(
            lambda: text in self.texts(server_id),
            timeout_s=30,
            what=f"the event {text!r} of {server_id}",
        )


@pytest.fixture(scope="module")
def machine() -> Iterator[PrivateHost]:
    with PrivateHost.start() as running:
        yield running


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def host(machine: PrivateHost, heard: Heard) -> Iterator[Host]:
    made = Host(machine.uri, owner=OWNER, virt_type="qemu")
    made.ensure_network(make_network())
    made.watch(heard.listeners())
    wait_for(lambda: heard.fates, timeout_s=30, what="the connection")
    yield made
    made.close()


@pytest.fixture(scope="module")
def hardware(host: Host) -> Hardware:
    return host.resolve_hardware({})


@pytest.fixture
def spec(machine: PrivateHost, host: Host, hardware: Hardware) -> Iterator[DomainSpec]:
    """A spec whose files are there; nothing of it is defined yet."""
    made = tiny_spec(machine, hardware, server_name=HOSTILE_NAME)
    yield made
    host.destroy(made.server_id)
    host.undefine(made.server_id)


def dump(machine: PrivateHost, spec: DomainSpec, *options: str) -> str:
    return machine.virsh("dumpxml", spec.server_id, *options)


def places(xml: str) -> list[tuple[tuple[str, str], ...]]:
    return sorted(
        tuple(sorted(address.attrib.items()))
        for address in ElementTree.fromstring(xml).iter("address")
    )


def test_hardware_is_resolved_to_names_that_last(hardware: Hardware) -> None:
    assert (hardware.virt_type, hardware.arch, hardware.cpu_mode) == ("qemu", "x86_64", "maximum")
    assert re.fullmatch(r"pc-q35-\d+\.\d+(\.\d+)?", hardware.machine)


def test_the_old_pc_and_its_buses_can_be_asked_for(host: Host) -> None:
    chosen = host.resolve_hardware({"hw_machine_type": "pc", "hw_disk_bus": "ide"})

    assert chosen.machine.startswith("pc-i440fx-")
    assert chosen.disk_bus == "ide"


def test_a_machine_type_that_this_host_lacks_is_refused(host: Host) -> None:
    with pytest.raises(BadRequest, match=r"hw_machine_type is 'pc-q35-99\.0'"):
        host.resolve_hardware({"hw_machine_type": "pc-q35-99.0"})


def test_the_facts_are_the_machines(host: Host) -> None:
    facts = host.facts()
    total_kib = int(re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0])

    assert facts.vcpus == os.cpu_count()
    assert facts.ram_mb == total_kib // 1024


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"hw_disk_bus": "scsi", "hw_cdrom_bus": "virtio"},
        {"hw_disk_bus": "sata", "hw_cdrom_bus": "sata", "hw_vif_model": "e1000e"},
        {"hw_machine_type": "pc"},
        {"hw_machine_type": "pc", "hw_disk_bus": "ide", "hw_cdrom_bus": "ide"},
        {"hw_machine_type": "pc", "hw_vif_model": "rtl8139", "hw_cdrom_bus": "virtio"},
    ],
    ids=str,
)
def test_qemu_takes_the_hardware_as_we_placed_it(
    host: Host, machine: PrivateHost, spec: DomainSpec, properties: dict[str, str]
) -> None:
    nics = (make_nic(1), make_nic(2))
    placed = replace(spec, hardware=host.resolve_hardware(properties), nics=nics)
    host.define(placed)
    host.start(placed.server_id)

    assert host.observe(placed.server_id).seen is Seen.RUNNING
    # libvirt added no device with an address of its own choice, neither stored nor running.
    rendered = places(render_domain(placed, owner=OWNER, version="1.0"))
    assert places(dump(machine, placed, "--inactive")) == rendered
    assert places(dump(machine, placed)) == rendered


def test_xml_that_is_made_again_is_the_same_to_libvirt(
    host: Host, machine: PrivateHost, spec: DomainSpec
) -> None:
    host.define(spec)
    before = dump(machine, spec, "--inactive")

    host.define(spec)

    assert dump(machine, spec, "--inactive") == before
    assert ElementTree.fromstring(before).findtext("title") == HOSTILE_NAME


def test_a_guest_boots_gets_its_address_and_obeys_the_power_button(
    host: Host, machine: PrivateHost, spec: DomainSpec, heard: Heard
) -> None:
    guest = LabGuest(machine, spec.console_log_path.parent, uuid=spec.server_id)
    host.reserve("cumulet", reservation_of(spec.nics[0]))
    host.define(spec)
    host.start(spec.server_id)
    guest.wait_for_line("TINY-READY")

    lease = guest.wait_for_line("TINY-DHCP")
    host.shutdown(spec.server_id)
    wait_for(
        lambda: host.observe(spec.server_id).seen is Seen.OFF, timeout_s=30, what="the guest off"
    )

    assert lease.endswith("ip=10.70.0.11")
    heard.wait_for_text(spec.server_id, "stopped: shut down by the guest")
    assert [event.guest_shutdown for event in heard.events if event.server_id == spec.server_id][
        -2:
    ] == [True, True]
    assert host.sweep()[spec.server_id].reason == "shut down"
    host.release("cumulet", spec.nics[0].mac)


def test_a_killed_qemu_is_off_and_crashed_and_not_the_guests_own_shutdown(
    host: Host, machine: PrivateHost, spec: DomainSpec, heard: Heard
) -> None:
    host.define(spec)
    host.start(spec.server_id)

    os.kill(machine.qemu_pids()[spec.server_id], signal.SIGKILL)
    heard.wait_for_text(spec.server_id, "stopped: QEMU failed or was killed from outside")

    observed = host.observe(spec.server_id)
    assert (observed.seen, observed.reason) == (Seen.OFF, "crashed")
    assert host.sweep()[spec.server_id] == observed
    assert not any(e.guest_shutdown for e in heard.events if e.server_id == spec.server_id)


def test_a_qemu_that_is_told_to_end_was_ended_from_outside(
    host: Host, machine: PrivateHost, spec: DomainSpec, heard: Heard
) -> None:
    host.define(spec)
    host.start(spec.server_id)

    os.kill(machine.qemu_pids()[spec.server_id], signal.SIGTERM)

    heard.wait_for_text(spec.server_id, "stopped: ended from outside")
    assert not any(e.guest_shutdown for e in heard.events if e.server_id == spec.server_id)


def test_saved_memory_is_known_after_libvirt_was_restarted(
    host: Host, machine: PrivateHost, spec: DomainSpec, heard: Heard
) -> None:
    host.define(spec)
    host.start(spec.server_id)
    machine.virsh("managedsave", spec.server_id)

    restart(machine, heard)

    assert host.sweep()[spec.server_id].seen is Seen.SAVED
    assert host.observe(spec.server_id).seen is Seen.SAVED
    host.start(spec.server_id)
    assert host.observe(spec.server_id).reason == "resumed from saved memory"


def test_a_restart_of_libvirt_is_told_and_later_events_arrive(
    host: Host, machine: PrivateHost, spec: DomainSpec, heard: Heard
) -> None:
    host.define(spec)
    host.start(spec.server_id)
    before = host.observe(spec.server_id)
    del heard.fates[:]

    machine.kill_libvirtd()
    wait_for(lambda: heard.fates, timeout_s=30, what="the loss")
    with pytest.raises(HostUnavailable):
        host.observe(spec.server_id)
    machine.start_libvirtd()
    wait_for(lambda: len(heard.fates) == 2, timeout_s=30, what="the connection")

    assert heard.fates == ["lost: the connection was lost: libvirt closed it", "connected"]
    assert host.observe(spec.server_id) == before
    machine.virsh("suspend", spec.server_id)
    heard.wait_for_text(spec.server_id, "paused")
    assert host.observe(spec.server_id).seen is Seen.PAUSED


def test_restarts_of_libvirt_leak_no_descriptor(
    host: Host, machine: PrivateHost, heard: Heard
) -> None:
    restart(machine, heard)
    host.facts()
    before = open_descriptors()

    for _ in range(3):
        restart(machine, heard)
        host.facts()

    assert open_descriptors() == before


def test_a_domain_of_somebody_else_is_left_alone(
    host: Host, machine: PrivateHost, spec: DomainSpec
) -> None:
    other = Host(machine.uri, owner="they", virt_type="qemu")
    other.define(spec)
    other.start(spec.server_id)

    for verb in (host.destroy, host.undefine, host.shutdown, host.start, host.drop_saved):
        with pytest.raises(HostFailed, match="was not made by this cloud"):
            verb(spec.server_id)

    assert other.observe(spec.server_id).seen is Seen.RUNNING
    assert spec.server_id not in host.list_owned()
    other.destroy(spec.server_id)
    other.undefine(spec.server_id)
    other.close()


def test_reservations_reach_the_running_and_the_stored_network(
    host: Host, machine: PrivateHost
) -> None:
    host.reserve("cumulet", reservation_of(make_nic(5)))
    host.reserve("cumulet", reservation_of(make_nic(6)))
    host.reserve("cumulet", reservation_of(make_nic(6, ip="10.70.0.77")))
    both = [entries(machine), entries(machine, "--inactive")]
    host.release("cumulet", make_nic(5).mac)
    host.release("cumulet", make_nic(6).mac)

    assert both == [[("fa:16:3e:00:00:05", "10.70.0.15"), ("fa:16:3e:00:00:06", "10.70.0.77")]] * 2
    assert entries(machine) == entries(machine, "--inactive") == []
    assert host.list_reservations("cumulet") == []


def test_a_reservation_of_which_one_half_was_lost_is_completed(
    host: Host, machine: PrivateHost
) -> None:
    host.reserve("cumulet", reservation_of(make_nic(5)))
    lost = "<host mac='fa:16:3e:00:00:05' ip='10.70.0.15'/>"
    machine.virsh("net-update", "cumulet", "delete", "ip-dhcp-host", lost, "--live")

    host.reserve("cumulet", reservation_of(make_nic(5)))

    assert host.list_reservations("cumulet") == [Reservation("fa:16:3e:00:00:05", "10.70.0.15")]
    host.release("cumulet", make_nic(5).mac)


def test_a_network_becomes_nat_and_isolated_again_when_no_guest_is_on_it(
    host: Host, machine: PrivateHost, spec: DomainSpec
) -> None:
    host.reserve("cumulet", reservation_of(make_nic(5)))
    host.define(spec)
    host.start(spec.server_id)
    with pytest.raises(Conflict, match=f"guests run on it: {spec.domain_name}"):
        host.change_network(make_network(mode="nat"))
    before = machine.virsh("net-dumpxml", "cumulet")
    host.destroy(spec.server_id)

    host.change_network(make_network(mode="nat"))
    nat = [machine.virsh("net-dumpxml", "cumulet", *also) for also in ([], ["--inactive"])]
    kept = [entries(machine), entries(machine, "--inactive")]
    host.change_network(make_network())

    assert ["<forward" in xml for xml in (before, *nat)] == [False, True, True]
    assert kept == [[("fa:16:3e:00:00:05", "10.70.0.15")]] * 2
    assert "<forward" not in machine.virsh("net-dumpxml", "cumulet")
    host.release("cumulet", make_nic(5).mac)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def entries(machine: PrivateHost, *options: str) -> list[tuple[Any, Any]]:
    root = ElementTree.fromstring(machine.virsh("net-dumpxml", "cumulet", *options))
    return [(entry.get("mac"), entry.get("ip")) for entry in root.iterfind("ip/dhcp/host")]


def restart(machine: PrivateHost, heard: Heard) -> None:
    """Restart libvirtd and return when the host has connected again."""
    told = len(heard.fates)
    machine.restart_libvirtd()
    wait_for(
        lambda: "connected" in heard.fates[told + 1 :], timeout_s=30, what="the connection again"
    )
