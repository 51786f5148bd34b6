# SPDX-License-Identifier: Apache-2.0
"""What a machine looks like from outside: taken before and after, it proves that nothing is left.

Only what the demo and the tests could leave behind is looked at, and only looked at: no service
is woken, none is asked to load anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from tests.lab.commands import run

PROGRAMS = ("cumulet", "dnsmasq", "gunicorn", "libvirtd", "qemu-", "virtlogd", "virtqemud")
SCRIPTS = ("cumulet", "gunicorn")
SYSTEM_SOCKET = Path("/run/libvirt/libvirt-sock")
SYSTEM_URI = "qemu:///system"


@dataclass(frozen=True, slots=True)
class MachineSnapshot:
    """Sets of things by name; two snapshots of an unchanged machine are equal."""

    interfaces: frozenset[str]
    network_namespaces: frozenset[str]
    mounts: frozenset[str]
    processes: frozenset[str]  # "pid command line" of the programs in PROGRAMS
    system_domains: frozenset[str]  # empty when no system libvirtd answers
    system_networks: frozenset[str]


def machine_snapshot() -> MachineSnapshot:
    """Return what is there now."""
    return MachineSnapshot(
        interfaces=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
        network_namespaces=frozenset(_list_network_namespaces()),
        mounts=frozenset(_list_mounts()),
        processes=frozenset(_list_processes()),
        system_domains=_ask_system_libvirt("list", "--all", "--name"),
        system_networks=_ask_system_libvirt("net-list", "--all", "--name"),
    )


def difference(before: MachineSnapshot, after: MachineSnapshot) -> list[str]:
    """Return a line for each thing that came or went, empty when the machine is as before."""
    lines = []
    for field in fields(MachineSnapshot):
        old: frozenset[str] = getattr(before, field.name)
        new: frozenset[str] = getattr(after, field.name)
        lines += [f"{field.name}: came: {name}" for name in sorted(new - old)]
        lines += [f"{field.name}: went: {name}" for name in sorted(old - new)]
    return lines


def _list_network_namespaces() -> Iterator[str]:
    """Yield each namespace that a process is in or that is bound to a name."""
    for entry in Path("/proc").glob("[0-9]*/ns/net"):
        with contextlib.suppress(OSError):
            yield str(entry.readlink())
    for named in Path("/run/netns").glob("*"):
        yield f"named {named.name}"


def _list_mounts() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        # 22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw
        _, _, _, root, target, *rest = line.split()
        kind = rest[rest.index("-") + 1]
        yield f"{target} ({kind} {root})"


def _list_processes() -> Iterator[str]:
    for entry in Path("/proc").glob("[0-9]*"):
        argv = _read_argv(entry)
        by_python = Path(argv[0]).name.startswith("python")
        is_script = by_python and any(Path(word).name in SCRIPTS for word in argv[1:3])
        if is_script or Path(argv[0]).name.startswith(PROGRAMS):
            yield f"{entry.name} {' '.join(argv)}"


def _read_argv(entry: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (entry / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    return [""]


def _ask_system_libvirt(*command: str) -> frozenset[str]:
    if not SYSTEM_SOCKET.exists() or not _is_system_libvirt_running():
        return frozenset()
    virsh = ["virsh", "--quiet", "--readonly", "--connect", SYSTEM_URI]
    answer = run([*virsh, *command], check=False, timeout_s=20.0)
    return frozenset(line.strip() for line in answer.stdout.splitlines() if line.strip())


def _is_system_libvirt_running() -> bool:
    """Say whether libvirt runs already: where systemd listens for it, asking would start it."""
    ours = Path("/proc/self/ns/mnt").readlink()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_libvirt = Path(_read_argv(entry)[0]).name in ("libvirtd", "virtqemud")
            if is_libvirt and (entry / "ns" / "mnt").readlink() == ours:
                return True
    return False
