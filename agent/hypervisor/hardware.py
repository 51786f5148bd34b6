# SPDX-License-Identifier: Apache-2.0
"""Chooses a new guest's hardware, once: what the image asks for, on what this host has.

The result is recorded with the server and never resolved again, so that a newer QEMU or a newer
release of ours does not change a guest that exists. Nothing is defined here.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from agent.errors import BadRequest, HostFailed
from agent.hypervisor.domainxml import is_pc
from agent.hypervisor.errors import NoSuchThingError, UnsupportedCallError, translated
from agent.model.server import Hardware

ARCH = "x86_64"
CPUINFO = Path("/proc/cpuinfo")
KVM = Path("/dev/kvm")

CPU_MODES: dict[str, tuple[str, ...]] = {
    # Named features instead of "whatever this CPU has": libvirt can then tell whether a saved or
    # migrated guest fits the CPU that it comes back to.
    "kvm": ("host-model", "host-passthrough"),
    # The default, qemu64, is too old for the x86-64-v2 that today's distributions want.
    "qemu": ("maximum",),
}
"""CPU modes in the order of preference; the first that the host supports is taken."""


@dataclass(frozen=True, slots=True)
class Property:
    """An image property that chooses a bus or a model, and what each chipset takes for it."""

    name: str
    field: str  # of Hardware
    q35: tuple[str, ...]  # the first is the default
    pc: tuple[str, ...]


PROPERTIES = (
    Property("hw_disk_bus", "disk_bus", ("virtio", "scsi", "sata"), ("virtio", "scsi", "ide")),
    Property("hw_cdrom_bus", "cdrom_bus", ("scsi", "sata", "virtio"), ("scsi", "ide", "virtio")),
    Property("hw_vif_model", "nic_model", ("virtio", "e1000e"), ("virtio", "e1000", "rtl8139")),
)


def choose_virt_type(wanted: str, driver: str, *, cpuinfo: Path = CPUINFO, kvm: Path = KVM) -> str:
    """Choose libvirt's domain type: `wanted`, unless it is "auto" or the driver has only its own.

    libvirt advertises KVM, and even starts guests, where the CPU can't do it: so look ourselves.
    """
    if driver == "TEST":
        return "test"
    if wanted != "auto":
        return wanted
    flags = set(cpuinfo.read_text().split())
    return "kvm" if flags & {"vmx", "svm"} and kvm_obstacle(kvm) is None else "qemu"


def kvm_obstacle(device: Path) -> str | None:
    """Say why the KVM device does not open, in the system's words; None when it does."""
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        # Somebody else's exclusive use would still be a device that works.
        return None if error.errno == errno.EBUSY else error.strerror
    return None


def resolve(connection: Any, virt_type: str, image_properties: Mapping[str, str]) -> Hardware:
    """Choose a guest's hardware; `BadRequest` names a bad property and what is allowed.

    Blocks on libvirt, the first time for as long as libvirt asks QEMU what it can.
    """
    machine = image_properties.get("hw_machine_type", "q35")
    if not _is_known_family(machine):
        raise _refuse_machine(machine)
    choices = _read_buses(image_properties, machine)
    _refuse_firmware(image_properties)
    if virt_type == "test":
        return Hardware("test", ARCH, machine="", cpu_mode="", **choices)
    capabilities = _find_capabilities(connection, machine, virt_type)
    canonical = capabilities.findtext("machine") or machine
    cpu_mode = _choose_cpu(capabilities, virt_type)
    return Hardware(virt_type, ARCH, canonical, cpu_mode, **choices)


def _read_buses(image_properties: Mapping[str, str], machine: str) -> dict[str, str]:
    chosen = {}
    for known in PROPERTIES:
        allowed = known.pc if is_pc(machine) else known.q35
        value = image_properties.get(known.name, allowed[0])
        if value not in allowed:
            raise BadRequest(
                f"Image property {known.name} is {value!r}; "
                f"allowed on machine type {machine}: {', '.join(allowed)}."
            )
        chosen[known.field] = value
    return chosen


def _refuse_firmware(image_properties: Mapping[str, str]) -> None:
    firmware = image_properties.get("hw_firmware_type", "bios")
    if firmware != "bios":
        raise BadRequest(f"Image property hw_firmware_type is {firmware!r}; allowed: bios.")


def _is_known_family(machine: str) -> bool:
    return machine == "q35" or machine.startswith("pc-q35-") or is_pc(machine)


def _refuse_machine(machine: str) -> BadRequest:
    return BadRequest(
        f"Image property hw_machine_type is {machine!r}; allowed: q35, pc, "
        "or one of their versions that this host has (virsh domcapabilities names the newest)."
    )


def _find_capabilities(connection: Any, machine: str, virt_type: str) -> ElementTree.Element:
    try:
        with translated():
            text = connection.getDomainCapabilities(None, ARCH, machine, virt_type, 0)
    except (UnsupportedCallError, NoSuchThingError) as error:
        if machine in {"q35", "pc"}:
            raise HostFailed(
                f"This host has no {ARCH} guests of type {virt_type}: {error}"
            ) from error
        raise _refuse_machine(machine) from error
    return ElementTree.fromstring(text)


def _choose_cpu(capabilities: ElementTree.Element, virt_type: str) -> str:
    modes = {
        mode.get("name")
        for mode in capabilities.iterfind("cpu/mode")
        if mode.get("supported") == "yes"
    }
    return next((mode for mode in CPU_MODES.get(virt_type, ()) if mode in modes), "")
