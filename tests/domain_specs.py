# SPDX-License-Identifier: Apache-2.0
"""Makers of what the hypervisor side is asked for: domains, nics and networks, as values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.hypervisor.base import BootSpec, DomainSpec, NetworkSpec, Reservation
from agent.model.server import Hardware, Nic, NicNetwork

SERVER_ID = "8b2f6c1e-6b64-4b0e-9d1c-0f6c3b5a7d01"
OWNER = "0d6a54a1-4d6f-4f0e-8f7b-94a6b3f8c001"

KVM = Hardware("kvm", "x86_64", "pc-q35-7.2", "host-model")
EMULATED = Hardware("qemu", "x86_64", "pc-q35-7.2", "maximum")
TEST = Hardware("test", "x86_64", "", "")
OLD_PC = Hardware(
    "qemu", "x86_64", "pc-i440fx-7.2", "maximum", disk_bus="ide", nic_model="e1000", cdrom_bus="ide"
)


LAB = NicNetwork(
    id="network-1", name="lab", libvirt_name="cumulet", bridge="cumulet0", cidr="10.70.0.0/24"
)


def make_nic(number: int = 1, **changes: Any) -> Nic:
    nic = Nic(
        port_id=f"port-{number}",
        network=LAB,
        mac=f"fa:16:3e:00:00:{number:02x}",
        ip=f"10.70.0.{10 + number}",
        position=number - 1,
    )
    return replace(nic, **changes)


def reservation_of(nic: Nic) -> Reservation:
    return Reservation(nic.mac, nic.ip)


def make_spec(server_id: str = SERVER_ID, **changes: Any) -> DomainSpec:
    folder = Path("/var/lib/cumulet/servers") / server_id
    spec = DomainSpec(
        server_id=server_id,
        domain_name=f"instance-{server_id[:8]}",
        server_name="web",
        project_id="4f2a",
        user_id="91cc",
        image_id="5d0e",
        flavor_name="m1.small",
        vcpus=2,
        ram_mb=2048,
        disk_path=folder / "disk.qcow2",
        disk_format="qcow2",
        backing_path=Path("/var/lib/cumulet/base/5d0e.qcow2"),
        backing_format="qcow2",
        config_drive_path=folder / "config.iso",
        console_log_path=folder / "console.log",
        nics=(make_nic(),),
        hardware=TEST,
    )
    return replace(spec, **changes)


def make_boot() -> BootSpec:
    bases = Path("/var/lib/cumulet/base")
    return BootSpec(bases / "a1.img", bases / "a2.img", "root=/dev/vda console=ttyS0")


def make_network(**changes: Any) -> NetworkSpec:
    spec = NetworkSpec(
        name="cumulet",
        bridge="cumulet0",
        cidr="10.70.0.0/24",
        gateway="10.70.0.1",
        dhcp_start="10.70.0.10",
        dhcp_end="10.70.0.200",
    )
    return replace(spec, **changes)
