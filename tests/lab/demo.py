# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a real server through the unmodified `openstack` client, step by step.

It uses the system's libvirt where one runs, else a private one, with state of its own, and leaves
the machine as it was: the cleaning up belongs to `demo_guard`, a process that acts when this one
ends, however it ends.
"""

from __future__ import annotations

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
from tests.lab.cloud import LiveCloud
from tests.lab.commands import CommandError, run
from tests.lab.demo_story import Image, Story
from tests.lab.full_guest import full_image
from tests.lab.private_host import PrivateHost
from tests.lab.snapshot import SYSTEM_URI, is_system_libvirt_running
from tests.lab.telling import say, step
from tests.lab.tiny_guest import tiny_image

STOPPED_BY = (signal.SIGINT, signal.SIGTERM)
FAILURES = (AssertionError, CommandError, OSError, RuntimeError, subprocess.SubprocessError)
HOW = {
    "kvm": "The guest runs on KVM: a full Debian, with cloud-init as it comes.",
    "qemu": (
        "No usable KVM here: QEMU emulates the guest's CPU, which is slow but just as real.\n"
        "So the guest is a tiny one; with KVM it would be a full Debian."
    ),
}
IMAGES = {
    "qemu": Image("tiny", "tiny guest's image", "m1.tiny", tiny_image),
    "kvm": Image("debian", "full guest's image", "m1.tiny", full_image),
}


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
    virt_type = choose_virt_type("auto", "QEMU")
    print(HOW[virt_type])
    if system_uri:
        print(f"The system's libvirt is used, {system_uri}, with a network of the demo's own.")
    else:
        print("No libvirt runs here, so a private one is started; it ends with the demo.")
    guard = demo_guard.Guard.start(system_uri)
    print(f"All files are in {guard.folder}.\n")
    try:
        with _libvirt(guard.folder, system_uri) as uri:
            _story(LiveCloud(guard.folder / demo_guard.CLOUD, uri), IMAGES[virt_type])
    finally:
        with step("Removing all that is left of the demo"):
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
    with step("Starting a private libvirt, in namespaces of its own"):
        host = PrivateHost.start(folder / "host")
    with host:
        yield host.uri


def _story(cloud: LiveCloud, image: Image) -> None:
    with step(f"Making the {image.title} (once, then it is in {CACHE})"):
        file = image.build()
    with step(f"$ cumulet init --state-dir {cloud.state} …"):
        cloud.init()
    say(_describe_network(cloud))
    try:
        with step("$ cumulet serve"):
            cloud.start()
        with step(f"$ cumulet image import {image.name} {file.name}"):
            cloud.import_image(image.name, file)
        Story(cloud, image).tell()
    except FAILURES as error:
        raise DemoError(f"{error}\n\n`cumulet serve` said last:\n{cloud.log_tail()}") from error
    finally:
        if cloud.process is not None:
            with step("Stopping `cumulet serve`"):
                cloud.stop()


def _describe_network(cloud: LiveCloud) -> str:
    network = yaml.safe_load(cloud.config.read_text())["network"]
    return (
        f"network 'lab' is {network['subnet']}: "
        f"libvirt network '{network['libvirt_network']}', bridge {network['bridge']}"
    )


if __name__ == "__main__":
    sys.exit(main())
