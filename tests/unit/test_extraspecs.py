# SPDX-License-Identifier: Apache-2.0
"""Which extra specs are refused. The names and values are typed from the standard's list."""

from __future__ import annotations

import pytest

from agent.model.extraspecs import find_problem

GOOD = [
    ("anything", "at all"),
    ("mine:thing", "x"),
    ("hw:numa_nodes", "1"),
    ("hw:cpu_policy", "dedicated"),
    ("hw:cpu_thread_policy", "isolate"),
    ("hw:cpu_realtime_mask", "^0-1"),
    ("hw:cpu_dedicated_mask", "0-3,^2,7"),
    ("hw:numa_cpus.12", "0-1,3"),
    ("hw:numa_mem.0", "2048"),
    ("hw:mem_page_size", "2MB"),
    ("hw:mem_page_size", "large"),
    ("hw:boot_menu", "Yes"),
    ("hw:watchdog_action", "poweroff"),
    ("hw_rng:allowed", "True"),
    ("hw_video:ram_max_mb", "0"),
    ("hide_hypervisor_id", "false"),
    ("os:secure_boot", "required"),
    ("pci_passthrough:alias", "gpu:1,nic:2"),
    ("quota:cpu_quota", "-1"),
    ("quota:disk_read_iops_sec", "100"),
    ("quota:vif_inbound_average", "1024"),
    ("quota:cpu_shares_level", "high"),
    ("resources:VCPU", "2"),
    ("resources_net:CUSTOM_MAGIC", "1"),
    ("trait:HW_CPU_X86_AVX", "required"),
    ("trait1:CUSTOM_GOLD", "forbidden"),
    ("capabilities:whatever", "<in> x"),
    ("aggregate_instance_extra_specs:ssd", "true"),
    ("accel:device_profile", "profile"),
]
WRONG = [
    ("hw:numa_nodes", "0", "less than the min value of '1'"),
    ("hw:numa_nodes", "one", "not a valid integer"),
    ("hw:cpu_policy", "sharrred", "not one of: dedicated, shared, mixed"),
    ("hw:cpu_polciy", "shared", "does not appear to be a valid extra spec"),
    ("hw:boot_menu", "perhaps", "boolean"),
    ("hw:cpu_dedicated_mask", "0-", "not of the format"),
    ("hw:mem_page_size", "huge", "not of the format"),
    ("hw:numa_cpus.x", "0", "does not appear"),
    ("quota:disk_read_iops", "1", "does not appear"),
    ("quota:cpu_shares", "-1", "less than the min value"),
    ("hw:redirected_usb_ports", "16", "greater than the max value of '15'"),
    ("resources:vcpu", "1", "does not appear"),
    ("trait:HW_CPU_X86_AVX", "wanted", "not one of: required, forbidden"),
    ("pci_passthrough:alias", "gpu", "not of the format"),
    ("os:secure_boot", "on", "not one of"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_good_one_is_taken(name: str, value: str) -> None:
    assert find_problem(name, value) is None


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
def test_a_wrong_one_is_told(name: str, value: str, words: str) -> None:
    assert words in (find_problem(name, value) or "")


def test_a_long_wrong_value_takes_no_time() -> None:
    assert find_problem("hw:cpu_dedicated_mask", "1-" * 120)
