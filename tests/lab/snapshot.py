# SPDX-License-Identifier: Apache-2.0
"""What a machine looks like from outside: taken before and after, it proves that nothing is left.

Only what the demo and the tests could leave behind is looked at, and only looked at: no service
is woken, none is asked to load anything. `python -m tests.lab.snapshot` prints it as JSON, for
machines that are namespaces: see `PrivateHost.inside`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.lab.commands import run

SYSTEM_SOCKETS = (Path("/run/libvirt/libvirt-sock"), Path("/run/libvirt/virtqemud-sock"))
SYSTEM_URI = "qemu:///system"
LIBVIRT_FOLDERS = (Path("/etc/libvirt"), Path("/var/lib/libvirt"), Path("/var/log/libvirt"))

Snapshot = Mapping[str, list[str]]
"""Things by their kind, sorted; two snapshots of an unchanged machine are equal."""


def machine_snapshot() -> Snapshot:
    """Return what is there now."""
    return {
        "domains": _ask_system_libvirt("list", "--all"),  # none when no system libvirt runs
        "networks": _ask_system_libvirt("net-list", "--all"),
        "firewall": _list_rules(),
        "interfaces": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "network namespaces": sorted(set(_list_network_namespaces())),
        "mounts": sorted(_list_mounts()),
        "libvirt's files": sorted(str(x) for top in LIBVIRT_FOLDERS for x in top.rglob("*")),
        "processes": sorted(_list_processes()),
    }


def difference(before: Snapshot, after: Snapshot) -> list[str]:
    """Return a line for each thing that came or went, empty when the machine is as before."""
    lines = []
    for kind, old in before.items():
        lines += [f"{kind}: came: {name}" for name in after[kind] if name not in old]
        lines += [f"{kind}: went: {name}" for name in old if name not in after[kind]]
    return lines


def is_system_libvirt_running() -> bool:
    """Say whether libvirt runs already: where systemd listens for it, asking would start it."""
    if not any(socket.exists() for socket in SYSTEM_SOCKETS):
        return False
    ours = Path("/proc/self/ns/mnt").readlink()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_libvirt = Path(_read_argv(entry)[0]).name in ("libvirtd", "virtqemud")
            if is_libvirt and (entry / "ns" / "mnt").readlink() == ours:
                return True
    return False


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
        if argv[0] and int(entry.name) != os.getpid():  # a zombie has no arguments
            yield f"{entry.name} {' '.join(argv)}"


def _read_argv(entry: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (entry / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    return [""]


def _list_rules() -> list[str]:
    """List the firewall's rules; libvirt makes some for each of its networks."""
    rules = []
    for table in ("filter", "nat", "mangle"):
        done = run(["iptables", "-t", table, "-S"], check=False)
        rules += [f"{table}: {rule}" for rule in done.stdout.splitlines()]
    return rules


def _ask_system_libvirt(*command: str) -> list[str]:
    if not is_system_libvirt_running():
        return []
    virsh = ["virsh", "--quiet", "--readonly", "--connect", SYSTEM_URI]
    answer = run([*virsh, *command], timeout_s=20.0)
    return [" ".join(line.split()) for line in answer.stdout.splitlines() if line.strip()]


if __name__ == "__main__":
    print(json.dumps(machine_snapshot()))
