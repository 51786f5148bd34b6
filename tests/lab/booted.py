# SPDX-License-Identifier: Apache-2.0
"""A bare machine that has booted: a clean root under its own systemd, without any network.

Services are installed, started and sandboxed in it as on a host; all of it ends with its owner. To
the outside it is a folder of files, and processes in namespaces of their own.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab import booted_init
from tests.lab.clean_root import PATH, clean_root
from tests.lab.commands import run
from tests.lab.processes import children_of
from tests.lab.waiting import wait_for

BOOT_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 180.0
ASK, UP = ("systemctl", "is-system-running"), ("running", "degraded")
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}


@dataclass(slots=True)
class BootedMachine:
    """A running one; use `booted_machine`."""

    root: Path
    environment: Mapping[str, str]
    init_pid: int = 0  # its systemd, as seen from outside

    def enter(self, argv: Sequence[str | Path]) -> list[str]:
        """The command that runs a program in it."""
        return [
            *("nsenter", f"--target={self.init_pid}", "--mount", "--net", "--pid", "--ipc"),
            *("--uts", "--cgroup", "--root", "--wd", "--"),
            *("env", "-i", *(f"{name}={value}" for name, value in self.environment.items())),
            *map(str, argv),
        ]

    def run(
        self, *argv: str | Path, check: bool = True, timeout_s: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in it to its end."""
        return run(self.enter(argv), check=check, timeout_s=timeout_s)

    def type(self, command: str, *, timeout_s: float = 300.0) -> str:
        """Run a shell command in it, in the clone; it must succeed. What it printed."""
        return self.run("bash", "-c", f"cd /cumulet; {command} 2>&1", timeout_s=timeout_s).stdout

    @property
    def network(self) -> Path:
        """Its network namespace."""
        return Path(f"/proc/{self.init_pid}/ns/net")

    def journal(self, unit: str) -> str:
        """What a service has said."""
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit).stdout


@contextmanager
def booted_machine(
    packages: Sequence[str], environment: Mapping[str, str]
) -> Iterator[BootedMachine]:
    """Boot a bare machine in which these Debian packages can be installed."""
    with clean_root(packages) as root:
        group = _control_groups() / f"cumulet-lab-{uuid.uuid4().hex[:8]}"
        watcher = subprocess.Popen(
            [sys.executable, "-I", booted_init.__file__, "watch", root, group],
            stdin=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )
        machine = BootedMachine(root, {**ENVIRONMENT, **environment})
        try:
            machine.init_pid = wait_for(
                lambda: _find_systemd(watcher), timeout_s=BOOT_TIMEOUT_S, what="systemd"
            )
            wait_for(
                lambda: machine.run(*ASK, check=False).stdout.strip() in UP,
                timeout_s=BOOT_TIMEOUT_S,
                what="the end of the boot",
            )
            yield machine
        finally:
            watcher.communicate(timeout=STOP_TIMEOUT_S)


def _find_systemd(watcher: subprocess.Popen[bytes]) -> int:
    """The process id of the machine's systemd; 0 as long as it is not there."""
    if watcher.poll() is not None:
        raise RuntimeError(f"the machine did not boot: code {watcher.returncode}")
    unshare, *_ = [*_children(watcher.pid), 0]
    pid, *_ = [*_children(unshare), 0]
    with suppress(OSError):
        return pid if Path(f"/proc/{pid}/comm").read_text() == "systemd\n" else 0
    return 0


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return children_of(pid)
    return []


def _control_groups() -> Path:
    """Where the machine outside has its (second) hierarchy of control groups."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] == "cgroup2":
            return Path(before.split()[4])
    raise RuntimeError("no cgroup2 is mounted, and systemd wants one: mount it at /sys/fs/cgroup")
