# SPDX-License-Identifier: Apache-2.0
"""Cleans up after the demo, also when the demo is killed.

It is a process of its own that waits at the end of a pipe. When the demo is done, or dead, the pipe
closes; then whatever bears the demo's own mark is removed: its domains, its network, its folder.
There is no other way of cleaning up, so each demo that ends well proves it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.lab.commands import run

PARENT = Path("/var/tmp")
PREFIX = "cumulet-demo-"
OWNER = "demo.pid"


@contextmanager
def guarding(state: Path, uri: str) -> Iterator[None]:
    """Have the state folder, and what it made in this libvirt, removed when we end or die."""
    (state / OWNER).write_text(f"{os.getpid()}\n{uri}\n")
    guard = subprocess.Popen(
        [sys.executable, "-m", "tests.lab.demo_guard", str(state), uri],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.communicate()


def remove_leftovers() -> None:
    """Clean up after demos of which even the guard was killed."""
    for state in PARENT.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            pid, uri = (state / OWNER).read_text().split()
            if not Path(f"/proc/{pid}").exists():
                clean_up(state, uri)


def clean_up(state: Path, uri: str) -> None:
    """Remove all that the cloud of this state folder has made, and the folder."""
    with contextlib.suppress(OSError):
        config = yaml.safe_load((state / "cumulet.yaml").read_text())
        for uuid in _virsh(uri, "list", "--all", "--uuid").split():
            if config["installation"] in _virsh(uri, "dumpxml", uuid):
                _virsh(uri, "destroy", uuid)
                _virsh(uri, "undefine", uuid, "--managed-save", "--nvram")
        network = config["network"]["libvirt_network"]
        _virsh(uri, "net-destroy", network)
        _virsh(uri, "net-undefine", network)
    shutil.rmtree(state, ignore_errors=True)


def _virsh(uri: str, *arguments: str) -> str:
    """Run virsh; a libvirt that is gone, as a private one by now, has nothing left to clean."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return run(["virsh", "-q", "-c", uri, *arguments], check=False, timeout_s=30).stdout
    return ""


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clean_up(Path(sys.argv[1]), sys.argv[2])
