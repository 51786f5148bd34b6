# SPDX-License-Identifier: Apache-2.0
"""A real guest started by a kernel and a RAM disk of their own, that writes a trap on its disk."""

from __future__ import annotations

import base64
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.lab.commands import run
from tests.lab.hostile_qcow2 import BACKING_AT, qcow2
from tests.lab.processes import opened_by
from tests.lab.tiny_build import FILES
from tests.lab.tiny_guest import tiny_image
from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real

CANARY = "CANARY: these words are the host's own."
MARK = "tiny.by_itself=1"


def upload(real: RealCloud, file: Path, disk_format: str, **properties: str) -> str:
    """Register an image by the API, upload a file and give its id."""
    fields = {"name": disk_format, "disk_format": disk_format, "container_format": "bare"}
    status, _, image = real.api.request("POST", "/image/v2/images", {**fields, **properties})
    assert status == 201, image
    with file.open("rb") as body:
        request = urllib.request.Request(
            f"{real.live.url}/image/v2/images/{image['id']}/file",
            method="PUT",
            data=body,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(file.stat().st_size),
                "X-Auth-Token": real.api.token,
            },
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.status == 204
    return str(image["id"])


@pytest.fixture(scope="module")
def images(real: RealCloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A kernel, a RAM disk, and a raw disk that names them."""
    tiny = tiny_image()
    raw = tmp_path_factory.mktemp("ami") / "tiny.raw"
    run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", tiny, raw])
    kernel = upload(real, tiny.with_name("vmlinuz"), "aki")
    ramdisk = upload(real, tiny.with_name("initrd"), "ari")
    command_line = f"{(FILES / 'cmdline').read_text().strip()} {MARK}"
    named = {"kernel_id": kernel, "ramdisk_id": ramdisk, "os_command_line": command_line}
    return {"aki": kernel, "ari": ramdisk, "ami": upload(real, raw, "ami", **named)}


@pytest.fixture(scope="module")
def server(real: RealCloud, images: dict[str, str]) -> Iterator[str]:
    """A server that is started by them, and has booted."""
    server_id = real.booted("direct", imageRef=images["ami"])
    yield server_id
    real.delete(server_id)


def test_the_guest_runs_the_kernel_with_the_command_line_of_the_image(
    real: RealCloud, server: str, images: dict[str, str]
) -> None:
    assert MARK in real.guest(server).shell("cat /proc/cmdline")
    os = ElementTree.fromstring(real.host.virsh("dumpxml", server)).find("os")
    assert os is not None
    bases = real.live.state / "base"
    assert os.findtext("kernel") == str(bases / f"{images['aki']}.img")
    assert os.findtext("initrd") == str(bases / f"{images['ari']}.img")


@pytest.mark.parametrize("name", ["aki", "ari", "ami"])
def test_what_the_server_stands_on_can_not_be_deleted(
    real: RealCloud, server: str, images: dict[str, str], name: str
) -> None:
    status, _, _ = real.api.request("DELETE", f"/image/v2/images/{images[name]}")

    assert (server, status) == (server, 409)


def test_a_qcow2_header_that_the_guest_writes_onto_its_disk_gains_nothing(
    real: RealCloud, server: str
) -> None:
    """Its backing file is the host's; the guest keeps seeing its own bytes, after every start."""
    canary = real.live.state / "canary"
    canary.write_text(CANARY * 1024)
    header = qcow2(backing=bytes(canary))
    guest = real.guest(server)
    size = guest.shell("cat /sys/block/vda/size")
    for at, length in ((0, 112), (BACKING_AT, len(bytes(canary)))):
        piece = base64.b64encode(header[at : at + length]).decode()
        guest.shell(
            f"echo {piece} | base64 -d | dd of=/dev/vda bs=1 seek={at} conv=notrunc 2>/dev/null"
        )
    guest.shell("sync")
    again: list[dict[str, object]] = [
        {"reboot": {"type": "SOFT"}},
        {"reboot": {"type": "HARD"}},
        {"os-stop": None},
    ]
    for boots, action in enumerate(again, start=2):
        real.api.act(server, action)
        if "os-stop" in action:
            real.api.wait_for_status(server, "SHUTOFF")
            real.api.act(server, {"os-start": None})
        real.wait_for_boot(server, boots)
        start = guest.shell("head -c 2048 /dev/vda | base64")
        assert base64.b64decode(start).startswith(header[:112])
        assert guest.shell("cat /sys/block/vda/size") == size
        assert guest.shell("head -c 1048576 /dev/vda | grep -c CANARY || true") == "0"
        assert str(canary) not in open_files(real, server)
    formats = [
        (driver.get("type"), source.get("file"))
        for disk in ElementTree.fromstring(real.host.virsh("dumpxml", server)).iter("disk")
        for driver, source in zip(disk.iter("driver"), disk.iterfind("source"), strict=True)
    ]
    assert formats[0] == ("qcow2", str(real.live.state / "servers" / server / "disk.qcow2"))


def open_files(real: RealCloud, server: str) -> set[str]:
    """The paths of all files that the server's QEMU has open."""
    return set(opened_by(real.host.qemu_pids()[server]))
