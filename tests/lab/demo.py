# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a real server through the unmodified `openstack` client, step by step.

It uses the system's libvirt where one runs, else a private one, with state of its own, and leaves
the machine as it was: the cleaning up belongs to `demo_guard`, a process that acts when this one
ends, however it ends.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.lab import demo_guard
from tests.lab.cloud import LiveCloud
from tests.lab.commands import CommandError, run
from tests.lab.private_host import PrivateHost
from tests.lab.snapshot import difference, machine_snapshot
from tests.lab.tiny_guest import tiny_image
from tests.lab.waiting import wait_for

SERVER = "first"
SYSTEM_URI = "qemu:///system"
BOOT_TIMEOUT_S = 300.0


def main() -> int:
    """Tell the story; 0 when every step of it came true."""
    if os.geteuid() != 0:
        print("The demo starts virtual machines, so it needs root. Run: sudo make demo")
        return 2
    began = time.monotonic()
    before = machine_snapshot()
    try:
        with _libvirt() as uri:
            _story(uri)
    except (CommandError, TimeoutError, RuntimeError) as error:
        print(f"\nThe demo failed: {error}")
        return 1
    left = difference(before, machine_snapshot())
    for line in left:
        print(f"left behind: {line}")
    if left:
        return 1
    print(f"\nDone in {time.monotonic() - began:.0f} s; the machine is as it was.")
    return 0


@contextmanager
def _libvirt() -> Iterator[str]:
    """Give the URI of the libvirt to use."""
    if run(["virsh", "-c", SYSTEM_URI, "uri"], check=False, timeout_s=10).returncode == 0:
        print(f"Using the system's libvirt, {SYSTEM_URI}.")
        yield SYSTEM_URI
        return
    with _step("No libvirt runs here: starting a private one, gone with the demo"):
        host = PrivateHost.start()
    with host:
        yield host.uri


def _story(uri: str) -> None:
    with _step("Building the tiny guest image (cached for the next time)"):
        image = tiny_image()
    demo_guard.remove_leftovers()
    state = Path(tempfile.mkdtemp(prefix=demo_guard.PREFIX, dir=demo_guard.PARENT))
    cloud = LiveCloud(state, uri)
    with demo_guard.guarding(state, uri):
        with _step("$ cumulet init"):
            cloud.init()
        with _step("$ cumulet serve"):
            cloud.start()
        try:
            _say_how_it_runs(cloud)
            with _step("$ cumulet image import tiny tiny.qcow2"):
                cloud.import_image("tiny", image)
            _life(cloud)
        finally:
            with _step("Stopping `cumulet serve` with SIGTERM"):
                cloud.stop()


def _life(cloud: LiveCloud) -> None:
    """A server's life, each step with the client's own output."""
    _show(cloud, "image list", "flavor list -c Name -c RAM -c VCPUs", "network list -c Name")
    _show(
        cloud,
        f"server create --image tiny --flavor m1.tiny --network lab --wait {SERVER} "
        "-c id -c name -c status -c addresses",
    )
    with _step("Waiting for the guest's own words on its serial console"):
        _wait(lambda: "TINY-READY" in cloud.openstack("console", "log", "show", SERVER), "boot")
    print(_tail(cloud.openstack("console", "log", "show", SERVER)))
    with _step("poweroff, from inside the guest (by its guest agent)"):
        _power_off_inside(cloud)
        _wait(lambda: _status(cloud) == "SHUTOFF", "SHUTOFF")
    _show(cloud, "server list -c Name -c Status -c Networks")
    _show(cloud, f"server start {SERVER}")
    with _step("Waiting for ACTIVE"):
        _wait(lambda: _status(cloud) == "ACTIVE", "ACTIVE")
    _show(cloud, "server list -c Name -c Status -c Networks")
    _show(cloud, f"server delete --wait {SERVER}")
    _show(cloud, "server list")


def _power_off_inside(cloud: LiveCloud) -> None:
    server_id = cloud.openstack("server", "show", SERVER, "-f", "value", "-c", "id").strip()
    command = {"execute": "guest-exec", "arguments": {"path": "/sbin/poweroff"}}
    run(["virsh", "-c", cloud.libvirt_uri, "qemu-agent-command", server_id, json.dumps(command)])


def _status(cloud: LiveCloud) -> str:
    return cloud.openstack("server", "show", SERVER, "-f", "value", "-c", "status").strip()


def _wait(condition: Callable[[], bool], what: str) -> None:
    wait_for(condition, timeout_s=BOOT_TIMEOUT_S, what=what)


def _say_how_it_runs(cloud: LiveCloud) -> None:
    config = yaml.safe_load(cloud.config.read_text())
    print(f"    state {cloud.state}, network {config['network']['subnet']}, {cloud.url}")


def _show(cloud: LiveCloud, *commands: str) -> None:
    for command in commands:
        with _step(f"$ openstack {command}"):
            output = cloud.openstack(*command.split())
        if output.strip():
            print(_indent(output))


@contextmanager
def _step(title: str) -> Iterator[None]:
    """Print what is done, and how long it took."""
    began = time.monotonic()
    print(title, flush=True)
    yield
    print(f"    ({time.monotonic() - began:.1f} s)", flush=True)


def _tail(text: str, lines: int = 8) -> str:
    return _indent("\n".join(text.strip().splitlines()[-lines:]))


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


if __name__ == "__main__":
    sys.exit(main())
