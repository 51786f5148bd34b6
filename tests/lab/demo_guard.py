# SPDX-License-Identifier: Apache-2.0
"""Cleans up after the demo, also when the demo is killed.

It is a process of its own that waits at the end of a pipe. When the demo is done, or dead, the pipe
closes; then whatever bears the demo's own mark is removed: its processes, its domains, its network,
its folder. There is no other way of cleaning up, so each demo that ends well proves it. Nothing is
found by a name that somebody else could have given.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from agent.model.hostname import instance_name
from tests.lab.commands import CommandError, run
from tests.lab.waiting import wait_for

PARENT = Path("/var/tmp")
PREFIX = "cumulet-demo-"
MARK = "CUMULET_DEMO"  # in the environment of every process that the demo starts: its folder
CLOUD = "cloud"  # the cloud's state folder, in the demo's
LOGS = Path("/var/log/libvirt/qemu")
LOCK = "demo.lock"
URI = "libvirt-uri"
GONE_TIMEOUT_S = 30.0
ABANDONED_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Guard:
    """The demo's folder, and the process that removes it and all that bears its mark."""

    folder: Path
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, system_uri: str) -> Guard:
        """Make the folder and watch over it; mark this process, for all that it will start.

        `system_uri` names the libvirt to clean up in; "" where a private one goes with its mark.
        """
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT))
        folder.chmod(0o711)  # QEMU's user must be able to pass through it
        # The lock tells other demos, in whatever namespace, that one of us two is alive.
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / URI).write_text(system_uri)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.demo_guard", str(folder), system_uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[lock],
            start_new_session=True,  # the terminal's Ctrl-C is not for it
        )
        os.environ[MARK] = str(folder)
        return cls(folder, process)

    def finish(self) -> list[str]:
        """Have everything removed; give a line for each thing that could not be."""
        os.environ.pop(MARK, None)
        said, _ = self.process.communicate()
        return said.splitlines()


def remove_leftovers() -> None:
    """Clean up after demos of which even the guard was killed."""
    for folder in PARENT.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), _abandoned(folder):
            uri = folder / URI
            clean_up(folder, uri.read_text() if uri.exists() else "")


def clean_up(folder: Path, system_uri: str) -> list[str]:
    """Remove all that the demo of this folder has made, and the folder; give what is left.

    While a libvirt that is to be cleaned up does not answer, the folder stays: it knows what is
    to be removed, and the next demo tries again.
    """
    left = []
    try:
        wait_for(lambda: _kill_marked(folder), timeout_s=GONE_TIMEOUT_S, what="the processes' end")
        if system_uri:
            _remove_from(system_uri, folder / CLOUD)
        wait_for(lambda: _remove(folder), timeout_s=GONE_TIMEOUT_S, what=f"the end of {folder}")
    except (CommandError, TimeoutError, subprocess.TimeoutExpired) as error:
        left.append(f"{error} (the next demo will try to remove what {folder} tells of)")
    return left


@contextlib.contextmanager
def _abandoned(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; `OSError` when a demo has it, or has not come so far yet."""
    if not (folder / LOCK).exists() and time.time() - folder.stat().st_mtime < ABANDONED_AFTER_S:
        raise BlockingIOError(f"{folder} is new")
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def _kill_marked(folder: Path) -> bool:
    """Kill every process that bears the mark, and say whether there was none."""
    mark = f"{MARK}={folder}".encode()
    found = False
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found = True
                os.kill(int(entry.name), signal.SIGKILL)
    return not found


def _remove_from(uri: str, state: Path) -> None:
    """Remove domains and networks of this cloud from a libvirt that others use as well."""
    config = state / "cumulet.yaml"
    if not config.exists():
        return  # the demo has not come so far
    owner = yaml.safe_load(config.read_text())["installation"]
    # A call of the killed `cumulet serve` may still be at work in libvirt: so look again.
    wait_for(lambda: _remove_domains(uri, owner), timeout_s=GONE_TIMEOUT_S, what="the domains' end")
    networks = _read_ids(state / "cumulet.db", "SELECT id FROM networks")
    for network in networks:
        _virsh(uri, "net-destroy", network, check=False)
        _virsh(uri, "net-undefine", network, check=False)
    wait_for(lambda: _remove_domains(uri, owner), timeout_s=GONE_TIMEOUT_S, what="the domains' end")
    if {*networks} & {*_virsh(uri, "net-list", "--all", "--uuid").split()}:
        raise CommandError("libvirt keeps the demo's network")
    for server in _read_ids(state / "cumulet.db", "SELECT id FROM servers"):
        for log in LOGS.glob(f"{instance_name(server)}.log*"):  # libvirt never removes them
            log.unlink(missing_ok=True)


def _remove_domains(uri: str, owner: str) -> bool:
    """Remove every domain of this owner, and say whether there was none."""
    found = False
    for uuid in _virsh(uri, "list", "--all", "--uuid").split():
        if f">{owner}<" in _virsh(uri, "dumpxml", uuid, check=False):
            found = True
            _virsh(uri, "destroy", uuid, check=False)
            _virsh(uri, "undefine", uuid, "--managed-save", "--nvram", check=False)
    return not found


def _read_ids(database: Path, query: str) -> list[str]:
    """Ask the cloud for its own uuids: a name could have become somebody else's by now."""
    if not database.exists():
        return []
    with contextlib.closing(sqlite3.connect(database)) as connection:
        try:
            return [uuid for (uuid,) in connection.execute(query)]
        except sqlite3.OperationalError:
            return []  # the table is not there yet


def _virsh(uri: str, *arguments: str, check: bool = True) -> str:
    return run(["virsh", "-q", "-c", uri, *arguments], check=check, timeout_s=30).stdout


def _remove(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    for line in clean_up(Path(sys.argv[1]), sys.argv[2]):
        print(line)
