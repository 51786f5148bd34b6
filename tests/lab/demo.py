# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a real server through the unmodified `openstack` client, step by step.

It uses the system's libvirt where one runs, else a private one, with state of its own, and leaves
the machine as it was: the cleaning up belongs to `demo_guard`, a process that acts when this one
ends, however it ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from agent.hypervisor.hardware import choose_virt_type
from tests.lab import CACHE, demo_guard
from tests.lab.cloud import Api, LiveCloud
from tests.lab.commands import CommandError, run
from tests.lab.private_host import PrivateHost
from tests.lab.snapshot import SYSTEM_URI, is_system_libvirt_running
from tests.lab.tiny_guest import tiny_image
from tests.lab.waiting import wait_for

SERVER = "first"
BOOT_TIMEOUT_S = 300.0
WIDTH = 78  # of a step's title; its time stands to the right
STOPPED_BY = (signal.SIGINT, signal.SIGTERM)
FAILURES = (AssertionError, CommandError, OSError, RuntimeError, subprocess.SubprocessError)
HOW = {
    "kvm": "The guest runs on KVM.",
    "qemu": "No usable KVM here: QEMU emulates the guest's CPU, which is slow but just as real.",
}
NOISE = ("", "Progress: ")


class DemoError(RuntimeError):
    """The demo went wrong; the text says where, and what the cloud's log says."""


def main() -> int:
    """Tell the story; 0 when every step of it came true and nothing is left of it."""
    if os.geteuid() != 0:
        print("The demo starts virtual machines, so it needs root. Run: sudo make demo")
        return 2
    for number in STOPPED_BY:
        signal.signal(number, _stop)
    began = time.monotonic()
    try:
        _demo()
    except KeyboardInterrupt as stop:
        print("\nStopped. All that the demo made is removed.")
        return 128 + int(stop.args[0])
    except FAILURES as error:
        print(f"\nThe demo failed: {error}\n\nIf it fails again, please report all of the above.")
        return 1
    print(f"\nDone in {time.monotonic() - began:.0f} s. The machine is as it was.")
    return 0


def _stop(number: int, frame: object) -> None:
    for each in STOPPED_BY:
        signal.signal(each, signal.SIG_IGN)  # the cleaning up takes only seconds: let it be
    raise KeyboardInterrupt(number)


def _demo() -> None:
    demo_guard.remove_leftovers()
    system_uri = _find_system_libvirt()
    print("A real server, from create to delete. On the right: how long each step took.")
    print(HOW[choose_virt_type("auto", "QEMU")])
    if system_uri:
        print(f"The system's libvirt is used, {system_uri}, with a network of the demo's own.")
    else:
        print("No libvirt runs here, so a private one is started; it ends with the demo.")
    guard = demo_guard.Guard.start(system_uri)
    print(f"All files are in {guard.folder}.\n")
    try:
        with _libvirt(guard.folder, system_uri) as uri:
            _story(LiveCloud(guard.folder / demo_guard.CLOUD, uri))
    finally:
        with _step("Removing all that is left of the demo"):
            left = guard.finish()
    if left:
        raise DemoError("something is left of it:\n" + "\n".join(left))


def _find_system_libvirt() -> str:
    """Its URI; "" when it does not run, for to ask could wake it, or does not answer."""
    if not is_system_libvirt_running():
        return ""
    asked = run(["virsh", "-c", SYSTEM_URI, "uri"], check=False, timeout_s=20)
    return SYSTEM_URI if asked.returncode == 0 else ""


@contextmanager
def _libvirt(folder: Path, system_uri: str) -> Iterator[str]:
    """Give the URI of the libvirt to use."""
    if system_uri:
        yield system_uri
        return
    with _step("Starting a private libvirt, in namespaces of its own"):
        host = PrivateHost.start(folder / "host")
    with host:
        yield host.uri


def _story(cloud: LiveCloud) -> None:
    with _step(f"Making the tiny guest's image (once, then it is in {CACHE})"):
        image = tiny_image()
    with _step(f"$ cumulet init --state-dir {cloud.state} …"):
        cloud.init()
    _say(_describe_network(cloud))
    try:
        with _step("$ cumulet serve"):
            cloud.start()
        with _step("$ cumulet image import tiny tiny.qcow2"):
            cloud.import_image("tiny", image)
        _life(cloud)
    except FAILURES as error:
        raise DemoError(f"{error}\n\n`cumulet serve` said last:\n{cloud.log_tail()}") from error
    finally:
        if cloud.process is not None:
            with _step("Stopping `cumulet serve`"):
                cloud.stop()


def _life(cloud: LiveCloud) -> None:
    """A server's life, each step with the client's own output."""
    _show(
        cloud,
        "server create --image tiny --flavor m1.tiny --network lab \\\n"
        f"      --wait {SERVER} -c id -c name -c status -c addresses",
    )
    api = Api(cloud).log_in()
    (server,) = api.get("/servers")["servers"]
    with _step("The guest boots, and its serial console says so"):
        api.wait_for_console(server["id"], "TINY-READY", timeout_s=BOOT_TIMEOUT_S)
    _show(cloud, f"console log show --lines 8 {SERVER}")

    with _step("Inside the guest: poweroff"):
        _power_off_inside(cloud, server["id"])
        wait_for(
            lambda: "shut off" in _domain_state(cloud, server["id"]),
            timeout_s=BOOT_TIMEOUT_S,
            what="the guest to power itself off",
        )
    with _step("The cloud shows SHUTOFF"):
        api.wait_for_status(server["id"], "SHUTOFF")
    _show(cloud, "server list -c Name -c Status -c Networks")

    _show(cloud, f"server start {SERVER}")
    with _step("The cloud shows ACTIVE"):
        api.wait_for_status(server["id"], "ACTIVE")
    _show(cloud, "server list -c Name -c Status -c Networks")

    _show(cloud, f"server delete --wait {SERVER}")
    _show(cloud, "server list", otherwise="(no server)")


def _power_off_inside(cloud: LiveCloud, server_id: str) -> None:
    """Have the guest's agent run the command, as if somebody were logged in."""
    command = {"execute": "guest-exec", "arguments": {"path": "/sbin/poweroff"}}
    run(["virsh", "-c", cloud.libvirt_uri, "qemu-agent-command", server_id, json.dumps(command)])


def _domain_state(cloud: LiveCloud, server_id: str) -> str:
    return run(["virsh", "-q", "-c", cloud.libvirt_uri, "domstate", server_id]).stdout


def _describe_network(cloud: LiveCloud) -> str:
    network = yaml.safe_load(cloud.config.read_text())["network"]
    return (
        f"network 'lab' is {network['subnet']}: "
        f"libvirt network '{network['libvirt_network']}', bridge {network['bridge']}"
    )


def _show(cloud: LiveCloud, command: str, *, otherwise: str = "") -> None:
    """Run a command of the client, and show it with what it prints."""
    with _step(f"$ openstack {command}"):
        output = cloud.openstack(*command.replace("\\\n", "").split())
    lines = [x for x in output.splitlines() if x.strip() not in NOISE and NOISE[1] not in x]
    _say("\n".join(lines) or otherwise)


@contextmanager
def _step(title: str) -> Iterator[None]:
    """Print what is done, and behind it how long it took."""
    began = time.monotonic()
    *above, last = title.splitlines()
    print(*above, f"{last:<{WIDTH}}", sep="\n", end="", flush=True)
    result = "stopped"
    try:
        yield
        result = f"{time.monotonic() - began:.1f} s"
    finally:
        print(f"{result:>8}", flush=True)


def _say(text: str) -> None:
    """Print what came of a step, with a blank line after it."""
    if text:
        print(*(f"  {line}" for line in text.splitlines()), sep="\n", end="\n\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
