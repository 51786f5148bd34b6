# SPDX-License-Identifier: Apache-2.0
"""Renders the XML that libvirt gets, from the templates and from values alone; reads back our mark.

XML is made nowhere else, and never by gluing strings: the templates escape every value, and a value
with characters that XML can't hold is cleaned here, whoever wrote the template. Equal values give
equal text. What comes from libvirt is read with ElementTree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from agent.errors import HostFailed
from agent.hypervisor.base import DomainSpec, NetworkSpec, Reservation
from agent.hypervisor.filterxml import ALWAYS, accepts
from agent.model.firewall import Firewall
from agent.model.server import MAX_NICS, Hardware, Nic
from agent.packaged import packaged

NAMESPACE = "urn:cumulet:domain:1"
"""The XML namespace of our mark in a domain's <metadata>."""

NETWORK_NAMESPACE = "urn:cumulet:network:1"
"""The same, of a network that a project has made."""

# Each device sits behind a numbered port, for ever: a guest must find its hardware where it was.
PORT_COUNT = 16
PORTS = {
    "nic": 1,
    "cdrom_controller": 2,
    "serial_controller": 3,
    "disk": 4,
    "balloon": 5,
    "rng": 6,
    "spare": 7,  # the first of those for further nics and for what is plugged in later
    "cdrom": PORT_COUNT,  # of a config drive that is a virtio disk
    "second_disk": PORT_COUNT + 1,  # which is there in rescue only
}


@dataclass(frozen=True, slots=True)
class Drive:
    """Where a disk sits on a bus that is no virtio: libvirt's name and drive address."""

    name: str
    bus: int = 0
    target: int = 0
    unit: int = 0


DISKS = {
    "virtio": Drive("vda"),
    "scsi": Drive("sda"),
    "sata": Drive("sda"),
    "ide": Drive("hda"),
}
SECOND_DISKS = {
    "virtio": Drive("vdb"),
    "scsi": Drive("sdb", target=2),
    "sata": Drive("sdb", unit=2),
    "ide": Drive("hdb", unit=1),
}
"""Where a guest's own disk goes, by its bus, while another one takes its place."""

PLUGGABLE = {"virtio", "scsi"}
"""Buses on which a disk may come while the guest runs."""

CDROMS = {
    "virtio": Drive("vdz"),
    "scsi": Drive("sdz", target=1),
    "sata": Drive("sdz", unit=1),
    "ide": Drive("hdc", bus=1),
}


@dataclass(frozen=True, slots=True)
class _Disk:
    """A disk as the template shows it."""

    path: Path
    format: str
    backing_path: Path | None
    backing_format: str
    port: int
    drive: Drive


NO_FILTERS: Mapping[str, str] = {}

_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\ufffd"


def render_domain(
    spec: DomainSpec, *, owner: str, version: str, filters: Mapping[str, str] = NO_FILTERS
) -> str:
    """Render a domain's XML; `owner` and `version` go into our mark.

    `filters` has the names of the network filters of its nics, by their ports' ids.
    """
    if len(spec.nics) > MAX_NICS:
        raise HostFailed(f"A server has at most {MAX_NICS} network interfaces.")
    template = _environment().get_template("domain.xml.j2")
    hardware = spec.hardware
    return template.render(
        spec=spec,
        hardware=hardware,
        mark={"namespace": NAMESPACE, "owner": owner, "version": version},
        title=re.sub(r"[\r\n]", " ", spec.server_name),
        nics=[(nic, _nic_port(nic.position), filters.get(nic.port_id)) for nic in spec.nics],
        disks=_disks(spec),
        cdrom=CDROMS[hardware.cdrom_bus],
        is_pc=is_pc(hardware.machine),
        ports=PORTS,
        port_count=PORT_COUNT + (spec.rescue is not None),
    )


def render_nic(nic: Nic, hardware: Hardware, filters: Mapping[str, str] = NO_FILTERS) -> str:
    """Render a nic for a domain that runs, as `render_domain` would put it into a stored one."""
    parts = _environment().get_template("devices.xml.j2").module
    xml: str = parts.interface(  # type: ignore[attr-defined]
        *(nic, _nic_port(nic.position), filters.get(nic.port_id)),
        *(hardware.nic_model, is_pc(hardware.machine)),
    )
    return str(xml)


def render_filter(firewall: Firewall, name: str) -> str:
    """Render the network filter of a port, whose id is the filter's uuid too."""
    template = _environment().get_template("filter.xml.j2")
    return template.render(
        name=name,
        uuid=firewall.port_id,
        is_open=firewall.is_open,
        always=ALWAYS,
        accepts=accepts(firewall),
    )


def is_pc(machine: str) -> bool:
    """Whether a machine type is the old i440FX one: PCI and IDE; all others are q35."""
    return machine == "pc" or machine.startswith("pc-i440fx")


def render_network(
    spec: NetworkSpec, *, netmask: str, reservations: Sequence[Reservation] = ()
) -> str:
    """Render a libvirt network's XML."""
    template = _environment().get_template("network.xml.j2")
    return template.render(
        network=spec, netmask=netmask, reservations=reservations, namespace=NETWORK_NAMESPACE
    )


def render_reservation(reservation: Reservation) -> str:
    """Render a DHCP host entry."""
    entry = ElementTree.Element("host", {"mac": reservation.mac, "ip": reservation.ip})
    return ElementTree.tostring(entry, encoding="unicode")


def render_copy(disk: str, target: Path, others: Sequence[str]) -> str:
    """Render what a backup job is told: copy one disk, by its name, into a new qcow2 file."""
    backup = ElementTree.Element("domainbackup", {"mode": "push"})
    disks = ElementTree.SubElement(backup, "disks")
    copied = ElementTree.SubElement(disks, "disk", {"name": disk, "backup": "yes", "type": "file"})
    ElementTree.SubElement(copied, "driver", {"type": "qcow2"})
    ElementTree.SubElement(copied, "target", {"file": str(target)})
    for name in others:
        ElementTree.SubElement(disks, "disk", {"name": name, "backup": "no"})
    return ElementTree.tostring(backup, encoding="unicode")


def find_disk(domain_xml: str, path: Path) -> str:
    """Take the one disk of a rendered domain that lies at a path."""
    for disk in ElementTree.fromstring(domain_xml).iterfind("devices/disk"):
        source = disk.find("source")
        if source is not None and source.get("file") == str(path):
            return ElementTree.tostring(disk, encoding="unicode")
    raise ValueError(f"the domain has no disk {path}")


def find_mark(metadata_xml: str, field: str) -> str | None:
    """Read one field of our mark, as libvirt gives it: without its namespace."""
    return ElementTree.fromstring(metadata_xml).findtext(field)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(packaged("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _clean(value: object) -> object:
    """Replace what XML 1.0 can't carry unchanged, in every value that a template shows."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _FORBIDDEN.sub(_REPLACEMENT, value)


def _disks(spec: DomainSpec) -> list[_Disk]:
    """The disks, first the one that the guest boots from: no other is ever booted."""
    bus, rescue, first = spec.hardware.disk_bus, spec.rescue, PORTS["disk"]
    backing = (spec.backing_path, spec.backing_format)
    own = _Disk(spec.disk_path, spec.disk_format, *backing, first, DISKS[bus])
    if rescue is None:
        return [own]
    booted = _Disk(rescue.path, "qcow2", rescue.backing_path, "qcow2", first, DISKS[bus])
    if rescue.is_alone and bus in PLUGGABLE:
        return [booted]
    return [booted, replace(own, port=PORTS["second_disk"], drive=SECOND_DISKS[bus])]


def _nic_port(position: int) -> int:
    return PORTS["nic"] if position == 0 else PORTS["spare"] + position - 1
