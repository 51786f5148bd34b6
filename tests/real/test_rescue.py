# SPDX-License-Identifier: Apache-2.0
"""Real guests in rescue: another system runs, with the server's own disk as the second.

Every image here has the label by which the tiny guest finds its root, as rescue images often have.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from oslo_utils import secretutils

from tests.lab.commands import CommandError
from tests.lab.private_host import PrivateHost
from tests.lab.tiny_guest import tiny_image
from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud, running_cloud
from tests.real.test_kernel_boot import upload

pytestmark = pytest.mark.real

BOOT_S = 120.0
ROOT = "awk '$2 == \"/\" { print $1 }' /proc/mounts"
NMI = "awk '$1 == \"NMI:\" { print $2 }' /proc/interrupts"
PASSWORD = "lets me in again"


@pytest.fixture(scope="module")
def real() -> Iterator[RealCloud]:
    """A cloud on a host of its own, that serves the newest versions."""
    with PrivateHost.start() as host, running_cloud(host) as cloud:
        yield cloud


def wait_for_guest(real: RealCloud, server_id: str, script: str, wanted: str) -> str:
    """Wait until the guest that runs now answers, and a script in it prints what is wanted."""

    def look() -> str | None:
        try:
            printed = real.guest(server_id).shell(script)
        except (CommandError, AssertionError):
            return None
        return printed if wanted in printed else None

    return wait_for(look, timeout_s=BOOT_S, poll_s=0.2, what=f"{wanted!r} of {script!r}")


def rescue(real: RealCloud, server_id: str, **asked: str) -> str:
    """Bring a server into rescue, wait until the system there has its password, and give it."""
    answer = real.api.act(server_id, {"rescue": asked or None})
    real.api.wait_for_status(server_id, "RESCUE")
    wait_for_guest(real, server_id, "cat /etc/shadow", "root:$")
    return str(answer["adminPass"])


def disks(real: RealCloud, server_id: str) -> list[tuple[str, str]]:
    """The disks of the running domain: their files' names and formats, in their order."""
    domain = ElementTree.fromstring(real.host.virsh("dumpxml", server_id))
    return [
        (str(source.get("file")).rsplit("/", 1)[-1], str(driver.get("type")))
        for disk in domain.iterfind("devices/disk")
        for source, driver in zip(disk.iterfind("source"), disk.iterfind("driver"), strict=True)
    ]


def test_a_rescue_with_the_servers_own_image_runs_beside_its_disk_and_gives_it_back(
    real: RealCloud,
) -> None:
    server_id = real.booted("broken")
    guest = real.guest(server_id)
    guest.shell("echo own >/root/which; sync")
    password = rescue(real, server_id)
    in_rescue = real.api.server(server_id)
    root = guest.shell(ROOT)
    hashed = guest.shell("cat /etc/shadow").split(":")[1]
    guest.shell("mkdir -p /mnt && mount -t ext4 /dev/vdb1 /mnt")
    found = guest.shell("cat /mnt/root/which; ls /root/which 2>/dev/null || echo none")
    guest.shell("echo mended >/mnt/root/mended")  # and not synced: its system goes down in order
    real.api.act(server_id, {"unrescue": None})
    real.api.wait_for_status(server_id, "ACTIVE")
    wait_for_guest(real, server_id, ROOT, "/dev/vda1")

    assert (in_rescue["OS-EXT-STS:vm_state"], in_rescue["OS-EXT-STS:power_state"]) == ("rescued", 1)
    assert root == "/dev/vda1"
    assert secretutils.crypt_password(password, hashed) == hashed
    assert found.split() == ["own", "none"]
    assert guest.shell("cat /root/which /root/mended").split() == ["own", "mended"]
    assert disks(real, server_id) == [("disk.qcow2", "qcow2"), ("config.iso", "raw")]
    folder = real.live.state / "servers" / server_id
    assert not [path.name for path in folder.iterdir() if "rescue" in path.name]
    real.delete(server_id)


def test_a_stopped_server_is_rescued_with_another_image_interrupted_and_deleted_there(
    real: RealCloud,
) -> None:
    other = upload(real, tiny_image(), "qcow2")
    server_id = real.booted("off")
    real.api.act(server_id, {"os-stop": None})
    real.api.wait_for_status(server_id, "SHUTOFF")
    answered = rescue(real, server_id, rescue_image_ref=other, adminPass=PASSWORD)
    guest = real.guest(server_id)
    in_use, _, _ = real.api.request("DELETE", f"/image/v2/images/{other}")
    hashed = guest.shell("cat /etc/shadow").split(":")[1]

    assert (answered, in_use) == (PASSWORD, 409)
    assert secretutils.crypt_password(PASSWORD, hashed) == hashed
    assert guest.shell(ROOT) == "/dev/vda1"
    before = guest.shell(NMI)
    real.api.act(server_id, {"trigger_crash_dump": None}, version="2.17")
    wait_for_guest(real, server_id, f"[ $({NMI}) -gt {before} ] && echo come", "come")
    assert real.api.server(server_id)["status"] == "RESCUE"
    assert disks(real, server_id) == [
        ("disk.rescue.qcow2", "qcow2"),
        ("disk.qcow2", "qcow2"),
        ("config.rescue.iso", "raw"),
    ]
    folder = real.live.state / "servers" / server_id
    real.delete(server_id)
    assert not folder.exists()
    assert real.api.request("DELETE", f"/image/v2/images/{other}")[0] == 204
