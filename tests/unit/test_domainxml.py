# SPDX-License-Identifier: Apache-2.0
"""The XML that libvirt gets: golden files, hostile values, and hardware that stays where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.errors import HostFailed
from agent.hypervisor.base import DomainSpec, NetworkSpec, Reservation
from agent.hypervisor.domainxml import (
    find_mark,
    render_copy,
    render_domain,
    render_network,
    render_reservation,
)
from agent.model.server import Hardware
from tests.domain_specs import (
    EMULATED,
    KVM,
    LAB,
    OLD_PC,
    OWNER,
    TEST,
    make_boot,
    make_network,
    make_nic,
    make_spec,
)

NS = "{urn:cumulet:domain:1}"
HOSTILE_NAMES = [
    "</name><disk type='block'><source dev='/dev/sda'/></disk>",
    "&xxe; &lt; &#65;",
    "]]><![CDATA[",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "quotes ' and \"",
    "  spaces at both ends  ",
    "wolke ☁ 雲 \U0001f329",
    "x" * 255,
]
NICS = tuple(make_nic(number) for number in range(1, 11))


def render(spec: DomainSpec) -> str:
    return render_domain(spec, owner=OWNER, version="1.0")


def parse(spec: DomainSpec) -> ElementTree.Element:
    return ElementTree.fromstring(render(spec))


def addresses(spec: DomainSpec) -> list[tuple[str | None, ...]]:
    return [
        tuple(address.get(key) for key in ("bus", "slot", "function"))
        for address in parse(spec).iter("address")
        if address.get("type") == "pci"
    ]


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("kvm", make_spec(hardware=KVM)),
        (
            "emulated",
            make_spec(
                hardware=EMULATED, nics=(make_nic(1, network=replace(LAB, mtu=1400)), make_nic(2))
            ),
        ),
        ("test", make_spec(hardware=TEST, config_drive_path=None, nics=())),
        ("old-pc", make_spec(hardware=OLD_PC, disk_format="raw", backing_path=None)),
        ("scsi", make_spec(hardware=replace(KVM, disk_bus="scsi", cdrom_bus="virtio"))),
        ("kernel", make_spec(hardware=KVM, boot=make_boot())),
        ("sata", make_spec(hardware=replace(KVM, disk_bus="sata", cdrom_bus="sata"))),
    ],
)
def test_a_domain_is_the_golden_one(
    name: str, spec: DomainSpec, golden: Callable[[str, str], None]
) -> None:
    golden(f"xml/domain-{name}.xml", render(spec))


def test_a_command_line_is_a_text_whatever_it_says() -> None:
    for text in HOSTILE_NAMES:
        cmdline = parse(make_spec(boot=replace(make_boot(), command_line=text))).find("os/cmdline")

        assert cmdline is not None
        assert cmdline.text == text


def test_a_kernel_may_come_without_a_ram_disk() -> None:
    domain = parse(make_spec(boot=replace(make_boot(), ramdisk_path=None)))

    assert [part.tag for part in domain.find("os") or ()] == ["type", "kernel", "cmdline"]


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("isolated", make_network()),
        ("static", make_network(dhcp=False)),
        ("private", make_network(is_private=True, owner=OWNER, dns=("10.70.0.9", "10.70.0.8"))),
        ("nat", make_network(mode="nat", uuid="6f1d0a52-7d7c-4d8e-8f0e-2f6f3c1d9e02")),
    ],
)
def test_a_network_is_the_golden_one(
    name: str, spec: NetworkSpec, golden: Callable[[str, str], None]
) -> None:
    golden(f"xml/network-{name}.xml", render_network(spec, netmask="255.255.255.0"))


def test_equal_specs_give_equal_xml() -> None:
    assert render(make_spec(hardware=KVM)) == render(make_spec(hardware=replace(KVM)))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_only_a_name(name: str) -> None:
    root = parse(make_spec(server_name=name))

    assert root.findtext("title") == name
    assert root.findtext(f"metadata/{NS}server/{NS}name") == name
    assert len(root.findall("devices/disk")) == 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x00b\x1fc", "a\ufffdb\ufffdc"),
        ("a\rb", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("\ufffe\uffff", "\ufffd\ufffd"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_what_xml_cannot_hold_is_replaced(name: str, shown: str) -> None:
    root = parse(make_spec(server_name=name))

    assert root.findtext(f"metadata/{NS}server/{NS}name") == shown


def test_a_title_is_one_line() -> None:
    assert parse(make_spec(server_name="one\ntwo\rthree")).findtext("title") == "one two three"


def test_every_value_is_escaped() -> None:
    spec = make_spec(
        domain_name="<n>",
        project_id="<p>",
        user_id="<u>",
        image_id="<i>",
        flavor_name="<f>",
        disk_path=Path("/<d>"),
        console_log_path=Path("/'c'"),
    )

    root = parse(spec)

    assert root.findtext("name") == "<n>"
    assert root.findtext(f"metadata/{NS}server/{NS}flavor") == "<f>"
    assert root.find("devices/disk/source[@file='/<d>']") is not None
    assert root.find("devices/serial/log[@file=\"/'c'\"]") is not None


@pytest.mark.parametrize(
    "hardware",
    [
        replace(base, disk_bus=disk, cdrom_bus=cdrom)
        for base, buses in ((KVM, ("virtio", "scsi", "sata")), (OLD_PC, ("virtio", "scsi", "ide")))
        for disk in buses
        for cdrom in buses
    ],
)
def test_no_two_devices_share_an_address(hardware: Hardware) -> None:
    spec = make_spec(hardware=hardware, nics=NICS)

    places = [tuple(sorted(address.attrib.items())) for address in parse(spec).iter("address")]
    targets = [target.get("dev") for target in parse(spec).iterfind("devices/disk/target")]

    assert len(places) == len(set(places))
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize("hardware", [KVM, OLD_PC])
def test_more_nics_move_no_other_device(hardware: Hardware) -> None:
    few = addresses(make_spec(hardware=hardware, nics=NICS[:1]))
    many = addresses(make_spec(hardware=hardware, nics=NICS))

    assert set(few) < set(many)
    assert len(many) == len(few) + 9


def test_a_guest_without_a_config_drive_has_its_other_devices_where_they_were() -> None:
    with_drive = addresses(make_spec(hardware=KVM))
    without = addresses(make_spec(hardware=KVM, config_drive_path=None))

    assert with_drive == without


def test_too_many_nics_are_refused() -> None:
    nics = tuple(make_nic(number) for number in range(1, 12))

    with pytest.raises(HostFailed, match="at most 10 network interfaces"):
        render(make_spec(nics=nics))


def test_a_reservation_is_a_host_entry() -> None:
    reservation = Reservation("fa:16:3e:00:00:01", "10.70.0.11")

    assert render_reservation(reservation) == '<host mac="fa:16:3e:00:00:01" ip="10.70.0.11" />'


def test_a_copy_is_of_one_disk_and_of_no_other() -> None:
    xml = render_copy("vda", Path("/state/servers/x/copy-7.qcow2"), ["sdz"])

    assert xml == (
        '<domainbackup mode="push"><disks>'
        '<disk name="vda" backup="yes" type="file"><driver type="qcow2" />'
        '<target file="/state/servers/x/copy-7.qcow2" /></disk>'
        '<disk name="sdz" backup="no" /></disks></domainbackup>'
    )


def test_our_mark_is_read_from_what_libvirt_gives() -> None:
    text = "<server>\n  <owner>me</owner>\n  <name>&lt;x&gt;</name>\n</server>"

    assert find_mark(text, "owner") == "me"
    assert find_mark(text, "name") == "<x>"
    assert find_mark(text, "absent") is None
