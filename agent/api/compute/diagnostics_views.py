# SPDX-License-Identifier: Apache-2.0
"""A guest's counters: in the hypervisor's words, and since a version in the standard's. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agent.model.diagnostics import Diagnostics, DiskCounters, NicCounters
from agent.model.server import Server

KIB_OF_MIB = 1024


def classic_view(found: Diagnostics) -> dict[str, int]:
    """Show counters by device: cpu0_time (ns), memory (KiB), vda_read, vnet0_rx, …"""
    view = {f"cpu{number}_time": time for number, time in found.cpu_times.items()}
    view["memory"] = found.max_memory_kib
    devices: list[tuple[str, dict[str, int | None]]] = [
        *((disk.device, _classic_disk(disk)) for disk in found.disks),
        *((nic.device, _classic_nic(nic)) for nic in found.nics),
    ]
    for device, counters in devices:
        view |= {f"{device}_{n}": value for n, value in counters.items() if value is not None}
    return view | {f"memory-{name}": value for name, value in found.memory_stats.items()}


def standard_view(found: Diagnostics, server: Server, now: datetime) -> dict[str, Any]:
    """Show the one form that all hypervisors share: memory in MiB, uptime in seconds."""
    launched = server.launched_at
    return {
        "state": "paused" if found.is_paused else "running",
        "driver": "libvirt",
        "hypervisor": server.hardware.virt_type if server.hardware else None,
        "hypervisor_os": "linux",
        "uptime": int((now - launched).total_seconds()) if launched else None,
        "config_drive": server.config_drive,
        "num_cpus": len(found.cpu_times),
        "num_nics": len(found.nics),
        "num_disks": len(found.disks),
        "cpu_details": [
            {"id": number, "time": time, "utilisation": None}
            for number, time in found.cpu_times.items()
        ],
        "disk_details": [_disk(disk) for disk in found.disks],
        "nic_details": [_nic(nic) for nic in found.nics],
        "memory_details": {
            "maximum": found.max_memory_kib // KIB_OF_MIB,
            "used": found.memory_kib // KIB_OF_MIB,
        },
    }


def _classic_disk(disk: DiskCounters) -> dict[str, int | None]:
    return {
        "read_req": disk.read_requests,
        "read": disk.read_bytes,
        "write_req": disk.write_requests,
        "write": disk.write_bytes,
        "errors": disk.errors,
    }


def _classic_nic(nic: NicCounters) -> dict[str, int | None]:
    return {
        "rx": nic.rx_bytes,
        "rx_packets": nic.rx_packets,
        "rx_errors": nic.rx_errors,
        "rx_drop": nic.rx_drop,
        "tx": nic.tx_bytes,
        "tx_packets": nic.tx_packets,
        "tx_errors": nic.tx_errors,
        "tx_drop": nic.tx_drop,
    }


def _disk(disk: DiskCounters) -> dict[str, int | None]:
    return {
        "read_bytes": disk.read_bytes,
        "read_requests": disk.read_requests,
        "write_bytes": disk.write_bytes,
        "write_requests": disk.write_requests,
        "errors_count": None if (disk.errors or 0) < 0 else disk.errors,  # QEMU counts none
    }


def _nic(nic: NicCounters) -> dict[str, str | int | None]:
    return {
        "mac_address": nic.mac,
        "rx_octets": nic.rx_bytes,
        "rx_errors": nic.rx_errors,
        "rx_drop": nic.rx_drop,
        "rx_packets": nic.rx_packets,
        "rx_rate": None,
        "tx_octets": nic.tx_bytes,
        "tx_errors": nic.tx_errors,
        "tx_drop": nic.tx_drop,
        "tx_packets": nic.tx_packets,
        "tx_rate": None,
    }
