# SPDX-License-Identifier: Apache-2.0
"""A host as /os-hypervisors shows it. Pure: a value in, a dict out. RAM in MiB, disks in GiB."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agent.api import changes
from agent.api.microversion import Microversion
from agent.hosts import SeenHost, compute_service_ids
from agent.model.hostname import instance_name
from agent.model.server import Server

NUMBERS = (
    *("vcpus", "vcpus_used", "memory_mb", "memory_mb_used", "free_ram_mb", "local_gb"),
    *("local_gb_used", "free_disk_gb", "disk_available_least", "running_vms", "current_workload"),
)
"""What is added up over hosts."""


def brief_view(host: SeenHost, spoken: Microversion) -> dict[str, Any]:
    """Show a hypervisor in a list."""
    return {
        "id": host.record.uuid if spoken.has(changes.UUIDS) else host.record.id,
        "hypervisor_hostname": host.record.name,
        "state": "up" if host.is_up else "down",
        "status": "disabled" if host.record.disabled else "enabled",
    }


def detail_view(host: SeenHost, spoken: Microversion, uptime: str | None) -> dict[str, Any]:
    """Show all of a hypervisor; from 2.88 on its uptime in the place of what it has."""
    service_id, service_uuid = compute_service_ids(host.record)
    view = {
        **brief_view(host, spoken),
        "hypervisor_type": host.facts.driver if host.facts else "",
        "hypervisor_version": version_number(host.facts.hypervisor_version if host.facts else ""),
        "host_ip": host.address or None,
        "service": {
            "id": service_uuid if spoken.has(changes.UUIDS) else service_id,
            "host": host.record.name,
            "disabled_reason": host.record.disabled_reason,
        },
    }
    if spoken.has(changes.HYPERVISOR_TRIMMED):
        return {**view, "uptime": uptime}
    cpu = cpu_view(host)
    is_object = spoken.has(changes.CPU_INFO_OBJECT)
    return {**view, **numbers_view(host), "cpu_info": cpu if is_object else json.dumps(cpu)}


def numbers_view(host: SeenHost) -> dict[str, int]:
    """Show what a host has and what is claimed of it: the machine's own numbers, no ratios."""
    total = host.total
    ram_mb = host.facts.ram_mb if host.facts else 0
    used_mb = total.ram_mb + host.reserved_ram_mb
    return {
        "vcpus": host.facts.vcpus if host.facts else 0,
        "vcpus_used": total.vcpus,
        "memory_mb": ram_mb,
        "memory_mb_used": used_mb,
        "free_ram_mb": ram_mb - used_mb,
        "local_gb": host.disk.total_gb,
        "local_gb_used": total.disk_gb,
        "free_disk_gb": host.disk.total_gb - total.disk_gb,
        "disk_available_least": host.disk.free_gb,
        "running_vms": total.servers,
        "current_workload": total.busy,
    }


def statistics_view(hosts: Sequence[SeenHost]) -> dict[str, int]:
    """Show the sums over hosts that are up."""
    up = [host for host in hosts if host.is_up]
    numbers = [numbers_view(host) for host in up]
    sums = {name: sum(each[name] for each in numbers) for name in NUMBERS}
    return {"count": len(up), **sums}


def servers_view(servers: Sequence[Server]) -> list[dict[str, str]]:
    """Show the servers of a hypervisor, by the names of their domains."""
    return [{"name": instance_name(server.id), "uuid": server.id} for server in servers]


def cpu_view(host: SeenHost) -> dict[str, Any]:
    """Show the processor, as libvirt describes it."""
    if host.facts is None:
        return {}
    cpu = host.facts.cpu
    topology = {"sockets": cpu.sockets, "cores": cpu.cores, "threads": cpu.threads}
    named = {"arch": cpu.arch, "model": cpu.model, "vendor": cpu.vendor}
    return {**named, "topology": topology, "features": list(cpu.features)}


def version_number(text: str) -> int:
    """Write a version as libvirt counts it: 7.2.0 is 7002000."""
    parts = [int(part) for part in text.split(".") if part.isdigit()]
    major, minor, micro = (*parts, 0, 0, 0)[:3]
    return major * 1_000_000 + minor * 1_000 + micro
