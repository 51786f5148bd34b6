# SPDX-License-Identifier: Apache-2.0
"""The verbs for one domain over the test driver: real library, real errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest

from agent.errors import BadRequest, HostFailed
from agent.hypervisor.base import Hypervisor
from agent.hypervisor.domainxml import find_mark
from agent.hypervisor.host import Host
from agent.model.observation import Observation, Seen
from agent.model.server import Hardware
from tests.domain_specs import OWNER, SERVER_ID, make_network, make_nic, make_spec, reservation_of

OTHER_ID = "2c1f7f5e-35a7-4b8e-8d2b-5e0a6f0b1c02"


def test_a_host_is_a_hypervisor(host: Host) -> None:
    hypervisor: Hypervisor = host

    facts = hypervisor.facts()

    assert (facts.vcpus, facts.virt_type, facts.hypervisor_version) == (16, "test", "0.0.2")


def test_an_unknown_domain_is_absent(host: Host) -> None:
    assert host.observe(SERVER_ID) == Observation(Seen.ABSENT)


def test_a_defined_domain_is_off(host: Host) -> None:
    host.define(make_spec())

    assert host.observe(SERVER_ID) == Observation(Seen.OFF, "off")


def test_defining_again_changes_nothing(host: Host, connection: Any) -> None:
    host.define(make_spec())
    before = connection.lookupByUUIDString(SERVER_ID).XMLDesc()

    host.define(make_spec())

    assert connection.lookupByUUIDString(SERVER_ID).XMLDesc() == before


def test_defining_again_undoes_what_others_edited(host: Host, connection: Any) -> None:
    host.define(make_spec(vcpus=2))
    edited = connection.lookupByUUIDString(SERVER_ID).XMLDesc().replace(">2</vcpu>", ">9</vcpu>")
    connection.defineXML(edited)

    host.define(make_spec(vcpus=2))

    assert ">2</vcpu>" in connection.lookupByUUIDString(SERVER_ID).XMLDesc()


def test_every_start_gives_a_new_domain_id(host: Host) -> None:
    host.define(make_spec())

    host.start(SERVER_ID)
    first = host.observe(SERVER_ID)
    host.destroy(SERVER_ID)
    host.start(SERVER_ID)
    second = host.observe(SERVER_ID)

    assert first == Observation(Seen.RUNNING, "booted", 1)
    assert second == Observation(Seen.RUNNING, "booted", 2)


def test_starting_what_runs_changes_nothing(running: Host) -> None:
    running.start(SERVER_ID)

    assert running.observe(SERVER_ID) == Observation(Seen.RUNNING, "booted", 1)


def test_starting_what_does_not_exist_fails(host: Host) -> None:
    with pytest.raises(HostFailed, match="does not exist"):
        host.start(SERVER_ID)


def test_a_crashed_domain_can_be_started(tmp_path: Path) -> None:
    node = tmp_path / "crashed.xml"
    node.write_text(
        "<node xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
        "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
        f"<name>x</name><uuid>{SERVER_ID}</uuid><memory>1</memory><os><type>hvm</type></os>"
        "<metadata><c:server xmlns:c='urn:cumulet:domain:1'>"
        f"<c:owner>{OWNER}</c:owner></c:server></metadata>"
        "<test:runstate>6</test:runstate></domain></node>"
    )
    kept = libvirt.open(f"test://{node}")
    host = Host("test://", owner=OWNER, connect=lambda: kept)
    assert host.observe(SERVER_ID).seen is Seen.CRASHED

    host.start(SERVER_ID)

    assert host.observe(SERVER_ID).seen is Seen.RUNNING


def test_a_shutdown_ends_the_guest_and_is_harmless_twice(running: Host) -> None:
    running.shutdown(SERVER_ID)
    running.shutdown(SERVER_ID)

    assert running.observe(SERVER_ID) == Observation(Seen.OFF, "shut down")


def test_destroy_ends_the_guest_and_is_harmless_twice(running: Host) -> None:
    running.destroy(SERVER_ID)
    running.destroy(SERVER_ID)

    assert running.observe(SERVER_ID) == Observation(Seen.OFF, "powered off")


@pytest.mark.parametrize("verb", ["destroy", "drop_saved", "undefine"])
def test_removing_what_is_not_there_is_harmless(host: Host, verb: str) -> None:
    getattr(host, verb)(SERVER_ID)

    assert host.observe(SERVER_ID).seen is Seen.ABSENT


def test_a_domain_paused_by_a_user_is_paused(running: Host, connection: Any) -> None:
    connection.lookupByUUIDString(SERVER_ID).suspend()

    assert running.observe(SERVER_ID) == Observation(Seen.PAUSED, "paused by a user", 1)


def test_saved_memory_is_seen_and_dropped(running: Host, connection: Any) -> None:
    connection.lookupByUUIDString(SERVER_ID).managedSave()
    saved = (running.observe(SERVER_ID).seen, running.sweep()[SERVER_ID].seen)

    running.drop_saved(SERVER_ID)
    running.drop_saved(SERVER_ID)

    assert saved == (Seen.SAVED, Seen.SAVED)
    assert running.observe(SERVER_ID).seen is Seen.OFF
    assert running.sweep()[SERVER_ID].seen is Seen.OFF


def test_undefine_takes_the_saved_memory_with_it(running: Host, connection: Any) -> None:
    connection.lookupByUUIDString(SERVER_ID).managedSave()

    running.undefine(SERVER_ID)

    assert running.observe(SERVER_ID).seen is Seen.ABSENT


def test_a_sweep_sees_every_domain_as_a_look_does(running: Host, connection: Any) -> None:
    running.define(make_spec(OTHER_ID))

    seen = running.sweep()

    assert seen == {
        SERVER_ID: Observation(Seen.RUNNING, "booted", 1),
        OTHER_ID: Observation(Seen.OFF, "off"),
    }
    assert all(running.observe(server_id) == seen[server_id] for server_id in seen)


@pytest.mark.parametrize("verb", ["start", "shutdown", "destroy", "drop_saved", "undefine"])
@pytest.mark.parametrize("mark", ["", "<c:server xmlns:c='urn:cumulet:domain:1'/>", "other"])
def test_a_domain_of_somebody_else_is_left_alone(
    host: Host, connection: Any, verb: str, mark: str
) -> None:
    if mark == "other":
        mark = "<c:server xmlns:c='urn:cumulet:domain:1'><c:owner>they</c:owner></c:server>"
    domain = connection.createXML(
        f"<domain type='test'><name>theirs</name><uuid>{SERVER_ID}</uuid><memory>1</memory>"
        f"<metadata>{mark}</metadata><os><type>hvm</type></os></domain>"
    )

    with pytest.raises(HostFailed, match=r"theirs .* was not made by this cloud"):
        getattr(host, verb)(SERVER_ID)
    with pytest.raises(HostFailed, match="was not made by this cloud"):
        host.define(make_spec())

    assert domain.isActive()
    assert host.list_owned() == []


def test_only_our_domains_are_listed_as_ours(running: Host, connection: Any) -> None:
    Host("test://", owner="they", connect=lambda: connection).define(make_spec(OTHER_ID))

    assert running.list_owned() == [SERVER_ID]


def test_a_second_domain_of_one_name_is_refused(host: Host) -> None:
    host.define(make_spec(domain_name="same"))

    with pytest.raises(HostFailed, match="same"):
        host.define(make_spec(OTHER_ID, domain_name="same"))


@pytest.mark.parametrize("name", ["</title><x>", "]]>", "&xxe;", " two  spaces ", "\u2601", "a\nb"])
def test_a_hostile_name_comes_back_from_libvirt(host: Host, connection: Any, name: str) -> None:
    host.define(make_spec(server_name=name))

    text = connection.lookupByUUIDString(SERVER_ID).metadata(2, "urn:cumulet:domain:1")

    assert find_mark(text, "name") == name


def test_hardware_has_defaults(host: Host) -> None:
    assert host.resolve_hardware({}) == Hardware(
        virt_type="test",
        arch="x86_64",
        machine="",
        cpu_mode="",
        disk_bus="virtio",
        nic_model="virtio",
        cdrom_bus="scsi",
    )


def test_an_image_chooses_its_buses(host: Host) -> None:
    chosen = host.resolve_hardware(
        {"hw_disk_bus": "sata", "hw_cdrom_bus": "virtio", "hw_vif_model": "e1000e", "other": "x"}
    )

    assert (chosen.disk_bus, chosen.cdrom_bus, chosen.nic_model) == ("sata", "virtio", "e1000e")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"hw_disk_bus": "ide"}, "hw_disk_bus is 'ide'; allowed .* q35: virtio, scsi, sata"),
        ({"hw_disk_bus": "sata", "hw_machine_type": "pc"}, "allowed .* pc: virtio, scsi, ide"),
        ({"hw_cdrom_bus": "usb"}, "hw_cdrom_bus is 'usb'; allowed .*: scsi, sata, virtio"),
        ({"hw_vif_model": "</x>"}, "hw_vif_model is '</x>'; allowed .*: virtio, e1000e"),
        ({"hw_machine_type": "virt"}, "hw_machine_type is 'virt'; allowed: q35, pc"),
        ({"hw_firmware_type": "uefi"}, "hw_firmware_type is 'uefi'; allowed: bios"),
    ],
)
def test_a_bad_property_is_named_with_what_is_allowed(
    host: Host, properties: dict[str, str], message: str
) -> None:
    with pytest.raises(BadRequest, match=message):
        host.resolve_hardware(properties)


def test_verbs_may_be_called_from_many_threads(host: Host) -> None:
    host.ensure_network(make_network())

    def live(number: int) -> Seen:
        server_id = f"00000000-0000-4000-8000-{number:012d}"
        nic = make_nic(number)
        host.reserve("cumulet", reservation_of(nic))
        host.define(replace(make_spec(server_id), domain_name=f"d{number}", nics=(nic,)))
        host.start(server_id)
        host.sweep()
        seen = host.observe(server_id).seen
        host.destroy(server_id)
        host.undefine(server_id)
        host.release("cumulet", nic.mac)
        return seen

    with ThreadPoolExecutor(max_workers=12) as pool:
        seen = list(pool.map(live, range(1, 61)))

    assert seen == [Seen.RUNNING] * 60
    assert host.list_owned() == []
    assert host.list_reservations("cumulet") == []
