# SPDX-License-Identifier: Apache-2.0
"""Reads the counters of a running domain. What a driver does not count is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from agent.errors import HostFailed
from agent.hypervisor.errors import translated
from agent.hypervisor.guest import observe
from agent.model.diagnostics import Diagnostics, DiskCounters, NicCounters
from agent.model.observation import Seen

DISK = ("read_requests", "read_bytes", "write_requests", "write_bytes", "errors")
NIC = (
    *("rx_bytes", "rx_packets", "rx_errors", "rx_drop"),
    *("tx_bytes", "tx_packets", "tx_errors", "tx_drop"),
)
"""What libvirt's blockStats and interfaceStats give, in their order."""


def diagnose(domain: Any) -> Diagnostics | None:
    """Read the counters of a domain; None when it is off."""
    if not domain.isActive():
        return None
    devices = ElementTree.fromstring(domain.XMLDesc())
    with translated():
        _, maximum, memory, _, _ = domain.info()
        cpu_times = {vcpu[0]: vcpu[2] for vcpu in domain.vcpus()[0]}
    return Diagnostics(
        is_paused=observe(domain).seen is not Seen.RUNNING,
        cpu_times=cpu_times,
        max_memory_kib=maximum,
        memory_kib=memory,
        memory_stats=_memory_stats(domain),
        disks=[
            DiskCounters(device, **_read(domain.blockStats, device, DISK))
            for device in _devices(devices, "disk")
        ],
        nics=[
            NicCounters(device, mac.get("address", ""), **_read(domain.interfaceStats, device, NIC))
            for device, mac in zip(
                _devices(devices, "interface"),
                devices.iterfind("devices/interface/mac"),
                strict=True,
            )
        ],
    )


def _devices(devices: ElementTree.Element, kind: str) -> list[str]:
    targets = (device.find("target") for device in devices.iterfind(f"devices/{kind}"))
    return ["" if target is None else target.get("dev", "") for target in targets]


def _read(ask: Callable[[str], Sequence[int]], device: str, names: Sequence[str]) -> dict[str, int]:
    with suppress(HostFailed), translated():
        return dict(zip(names, ask(device), strict=True))
    return {}


def _memory_stats(domain: Any) -> dict[str, int]:
    with suppress(HostFailed), translated():
        return dict(domain.memoryStats())
    return {}
