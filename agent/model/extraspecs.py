# SPDX-License-Identifier: Apache-2.0
"""The extra specs of flavors that the standard knows, and what values they may have. Pure.

They are kept and shown, so that what other clouds' tools write is taken here; a wrong one is
refused, since somebody would rely on it. Names in namespaces that are not known are anybody's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Rule = Callable[[str], str | None]
"""Says what a value must be when it is not."""

MAX_INT = 2**31 - 1

_BOOLEANS = frozenset({"1", "t", "true", "on", "y", "yes", "0", "f", "false", "off", "n", "no"})
_CPUS = r"\^?\d+(-\d+)?(,\^?\d+(-\d+)?)*"


def find_problem(name: str, value: str) -> str | None:
    """Say what is wrong with an extra spec; None when nothing is, or nobody knows it."""
    rule = _find_rule(name)
    if rule is not None:
        problem = rule(value)
        return problem and f"'{value[:60]}' {problem}."
    namespace, colon, _ = name.partition(":")
    if colon and _NAMESPACES.fullmatch(namespace):
        return f"extra spec '{name}' does not appear to be a valid extra spec."
    return None


def _find_rule(name: str) -> Rule | None:
    if name in KNOWN:
        return KNOWN[name]
    return next((rule for pattern, rule in FAMILIES.items() if re.fullmatch(pattern, name)), None)


def _boolean(value: str) -> str | None:
    return None if value.strip().lower() in _BOOLEANS else "is not a valid boolean-like value"


def _text(value: str) -> str | None:
    return None


def _number(least: int, most: int = MAX_INT) -> Rule:
    def rule(value: str) -> str | None:
        if not re.fullmatch(r"[+-]?\d{1,18}", value.strip(), re.ASCII):
            return "is not a valid integer value"
        if int(value) < least:
            return f"is less than the min value of '{least}'"
        return f"is greater than the max value of '{most}'" if int(value) > most else None

    return rule


def _one_of(*words: str) -> Rule:
    return lambda value: None if value in words else f"is not one of: {', '.join(words)}"


def _like(pattern: str) -> Rule:
    return lambda value: (
        None if re.fullmatch(pattern, value, re.ASCII) else f"is not of the format '{pattern}'"
    )


KNOWN: Mapping[str, Rule] = {
    "accel:device_profile": _text,
    "group_policy": _one_of("isolate", "none"),
    "hide_hypervisor_id": _boolean,
    **dict.fromkeys(
        (
            *("hw:boot_menu", "hw:cpu_realtime", "hw:hide_hypervisor_id", "hw:locked_memory"),
            *("hw:ephemeral_encryption", "hw:mem_encryption", "hw:pmu", "hw:virtio_packed_ring"),
            *("hw:vif_multiqueue_enabled", "hw_rng:allowed"),
        ),
        _boolean,
    ),
    **dict.fromkeys(
        (
            *("hw:cpu_cores", "hw:cpu_max_cores", "hw:cpu_max_sockets", "hw:cpu_max_threads"),
            *("hw:cpu_sockets", "hw:cpu_threads", "hw:numa_nodes"),
        ),
        _number(1),
    ),
    **dict.fromkeys(
        ("hw:serial_port_count", "hw_rng:rate_bytes", "hw_rng:rate_period", "hw_video:ram_max_mb"),
        _number(0),
    ),
    "hw:cpu_dedicated_mask": _like(_CPUS),
    "hw:cpu_policy": _one_of("dedicated", "shared", "mixed"),
    "hw:cpu_realtime_mask": _like(_CPUS),
    "hw:cpu_thread_policy": _one_of("prefer", "isolate", "require"),
    "hw:emulator_threads_policy": _one_of("isolate", "share"),
    "hw:ephemeral_encryption_format": _one_of("luks", "plain"),
    "hw:mem_encryption_model": _one_of("amd-sev", "amd-sev-es", "amd-sev-snp"),
    "hw:mem_page_size": _like(r"large|small|any|\d+([kKMGT]i?)?(b|bit|B)?"),
    "hw:pci_numa_affinity_policy": _one_of("required", "preferred", "legacy", "socket"),
    "hw:pmem": _like(r"[a-zA-Z0-9_]+(,[a-zA-Z0-9_]+)*,?"),
    "hw:redirected_usb_ports": _number(0, 15),
    "hw:sound_model": _text,
    "hw:tpm_model": _one_of("tpm-tis", "tpm-crb"),
    "hw:tpm_secret_security": _one_of("user", "host", "deployment"),
    "hw:tpm_version": _one_of("1.2", "2.0"),
    "hw:usb_model": _text,
    "hw:viommu_model": _one_of("intel", "smmuv3", "virtio", "auto"),
    "hw:watchdog_action": _one_of("none", "pause", "poweroff", "reset", "disabled"),
    "os:secure_boot": _one_of("disabled", "required"),
    "pci_passthrough:alias": _like(r"[^:]+:\d+(,[^:]+:\d+)*"),
    "quota:cpu_period": _number(0),
    "quota:cpu_quota": _number(-MAX_INT),
    "quota:cpu_shares": _number(0),
    "vmware:hw_version": _text,
    "vmware:storage_policy": _text,
}
"""Extra specs by their whole names."""

FAMILIES: Mapping[str, Rule] = {
    r"aggregate_instance_extra_specs:.+": _text,
    r"capabilities:.+": _text,
    r"hw:numa_cpus\.\d+": _like(_CPUS),
    r"hw:numa_mem\.\d+": _number(1),
    r"quota:(cpu|memory|disk_io|vif)_(limit|reservation|shares_share)": _number(0),
    r"quota:(cpu|memory|disk_io|vif)_shares_level": _one_of("custom", "high", "normal", "low"),
    r"quota:disk_(read|write|total)_(bytes|iops)_sec": _number(0),
    r"quota:vif_(inbound|outbound)_(average|peak|burst)": _number(0),
    r"resources([a-zA-Z0-9_-]{1,64})?:[A-Z0-9_]+": _number(0),
    r"trait([a-zA-Z0-9_-]{1,64})?:[A-Z0-9_]+": _one_of("required", "forbidden"),
}
"""Extra specs with a part of their own in the name."""

_NAMESPACES = re.compile(
    "accel|aggregate_instance_extra_specs|capabilities|hw|hw_rng|hw_video|os|pci_passthrough|quota|"
    "(resources|trait)([a-zA-Z0-9_-]{1,64})?|vmware"
)
