# SPDX-License-Identifier: Apache-2.0
"""The counters of a running guest, as libvirt counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DiskCounters:
    """Of one disk; None where the hypervisor does not count."""

    device: str  # "vda"
    read_requests: int | None = None
    read_bytes: int | None = None
    write_requests: int | None = None
    write_bytes: int | None = None
    errors: int | None = None


@dataclass(frozen=True, slots=True)
class NicCounters:
    """Of one network interface; None where the hypervisor does not count."""

    device: str  # on the host, "vnet0"
    mac: str
    rx_bytes: int | None = None
    rx_packets: int | None = None
    rx_errors: int | None = None
    rx_drop: int | None = None
    tx_bytes: int | None = None
    tx_packets: int | None = None
    tx_errors: int | None = None
    tx_drop: int | None = None


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Of a whole guest."""

    is_paused: bool = False
    cpu_times: Mapping[int, int] = field(default_factory=dict)  # ns, by the vCPU's number
    max_memory_kib: int = 0
    memory_kib: int = 0  # that the guest has now
    memory_stats: Mapping[str, int] = field(default_factory=dict)  # by libvirt's words
    disks: Sequence[DiskCounters] = ()
    nics: Sequence[NicCounters] = ()
