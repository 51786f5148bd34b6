# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/diagnostics from 2.48 on, and its views."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.api.compute.diagnostics_views import classic_view, standard_view
from agent.model.diagnostics import Diagnostics, DiskCounters, NicCounters
from agent.model.server import Hardware
from tests.fast.api.conftest import speak_all_versions
from tests.fast.smallcloud import SmallCloud
from tests.unit.store.makers import make_server

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MAC = "52:54:00:00:00:01"
FOUND = Diagnostics(
    cpu_times={0: 17, 1: 18},
    max_memory_kib=65536,
    memory_kib=32768,
    memory_stats={"rss": 4},
    disks=(DiskCounters("vda", 1, 2, 3, 4, -1), DiskCounters("sda")),
    nics=(NicCounters("vnet0", MAC, 1, 2, 3, 4, 5, 6, 7, 8),),
)
NIC = {
    "mac_address": MAC,
    "rx_octets": 1,
    "rx_packets": 2,
    "rx_errors": 3,
    "rx_drop": 4,
    "rx_rate": None,
    "tx_octets": 5,
    "tx_packets": 6,
    "tx_errors": 7,
    "tx_drop": 8,
    "tx_rate": None,
}
DISK = {
    "read_requests": 1,
    "read_bytes": 2,
    "write_requests": 3,
    "write_bytes": 4,
    "errors_count": None,
}


def test_the_classic_view_is_flat_and_by_device() -> None:
    assert classic_view(FOUND) == {
        "cpu0_time": 17,
        "cpu1_time": 18,
        "memory": 65536,
        "vda_read_req": 1,
        "vda_read": 2,
        "vda_write_req": 3,
        "vda_write": 4,
        "vda_errors": -1,
        "vnet0_rx": 1,
        "vnet0_rx_packets": 2,
        "vnet0_rx_errors": 3,
        "vnet0_rx_drop": 4,
        "vnet0_tx": 5,
        "vnet0_tx_packets": 6,
        "vnet0_tx_errors": 7,
        "vnet0_tx_drop": 8,
        "memory-rss": 4,
    }


@pytest.mark.parametrize(("is_paused", "state"), [(False, "running"), (True, "paused")])
def test_the_standard_view_has_one_form(is_paused: bool, state: str) -> None:
    hardware = Hardware(virt_type="kvm", arch="x86_64", machine="q35", cpu_mode="")
    launched = NOW - timedelta(seconds=90.7)
    server = replace(make_server(), hardware=hardware, launched_at=launched)

    assert standard_view(replace(FOUND, is_paused=is_paused), server, NOW) == {
        "state": state,
        "driver": "libvirt",
        "hypervisor": "kvm",
        "hypervisor_os": "linux",
        "uptime": 90,
        "config_drive": True,
        "num_cpus": 2,
        "num_nics": 1,
        "num_disks": 2,
        "cpu_details": [
            {"id": 0, "time": 17, "utilisation": None},
            {"id": 1, "time": 18, "utilisation": None},
        ],
        "disk_details": [DISK, dict.fromkeys(DISK)],
        "nic_details": [NIC],
        "memory_details": {"maximum": 64, "used": 32},
    }


def test_a_running_guest_is_counted_in_both_forms(cloud: SmallCloud) -> None:
    at = speak_all_versions(cloud)
    server_id = cloud.create()
    cloud.work()
    cloud.clock.advance(60)
    path = f"/servers/{server_id}/diagnostics"

    classic, standard = (at(version, "admin").get(path) for version in ("2.47", "2.48"))

    assert classic["memory"] == 512 * 1024
    assert (standard["state"], standard["uptime"]) == ("running", 60)
    assert (standard["num_cpus"], standard["num_nics"], standard["num_disks"]) == (1, 1, 2)
    assert standard["memory_details"]["maximum"] == 512
    assert standard["nic_details"][0]["mac_address"] == cloud.server(server_id).nics[0].mac
    assert at("2.48").ask("GET", path).status_code == 403
