# SPDX-License-Identifier: Apache-2.0
"""Images that name a kernel and a RAM disk: what is refused, and what can't be deleted."""

from __future__ import annotations

import uuid
from xml.etree import ElementTree

import pytest

from agent.model.layout import Layout
from tests.fast.api.conftest import ApiClient, create, make_server
from tests.fast.api.test_images import register, upload
from tests.fast.smallcloud import SmallCloud
from tests.lab.hostile_qcow2 import qcow2

IMAGES = "/image/v2/images"
KERNEL = b"MZ".ljust(510, b"\0") + b"\x55\xaa\xeb\x6aHdrS" + bytes(1024)
DISK = bytes(4096)


def add(client: ApiClient, disk_format: str, content: bytes, **properties: str) -> str:
    image_id = register(client, disk_format=disk_format, **properties)
    assert upload(client, image_id, content) == 204
    return image_id


def test_a_server_is_started_by_the_kernel_that_its_image_names(
    cloud: SmallCloud, client: ApiClient
) -> None:
    kernel, ramdisk = add(client, "aki", KERNEL), add(client, "ari", DISK)
    disk = add(client, "ami", DISK, kernel_id=kernel, ramdisk_id=ramdisk)
    server_id = make_server(client, disk)
    cloud.work()

    os = ElementTree.fromstring(cloud.domain(server_id).XMLDesc()).find("os")
    assert os is not None
    layout = Layout(cloud.config.state_dir)
    assert os.findtext("kernel") == str(layout.boot_file(kernel))
    assert os.findtext("initrd") == str(layout.boot_file(ramdisk))
    assert os.findtext("cmdline") == "root=/dev/vda console=ttyS0"
    assert layout.boot_file(kernel).read_bytes() == KERNEL
    assert client.show(server_id)["status"] == "ACTIVE"

    in_use = [client.delete(f"{IMAGES}/{x}").status_code for x in (kernel, ramdisk, disk)]
    client.delete(f"/compute/v2.1/servers/{server_id}")
    cloud.work()
    free = [client.delete(f"{IMAGES}/{x}").status_code for x in (kernel, ramdisk, disk)]
    assert (in_use, free) == ([409] * 3, [204] * 3)
    assert not layout.boot_file(kernel).exists()


def test_a_kernel_that_was_lost_from_the_cache_is_there_again_for_a_build(
    cloud: SmallCloud, client: ApiClient
) -> None:
    kernel = add(client, "aki", KERNEL)
    disk = add(client, "raw", DISK, kernel_id=kernel)
    boot_file = Layout(cloud.config.state_dir).boot_file(kernel)
    boot_file.unlink()

    make_server(client, disk)
    cloud.work()

    assert boot_file.read_bytes() == KERNEL


def test_a_kernel_must_be_there_seen_and_one(
    client: ApiClient, other_client: ApiClient, image_id: str
) -> None:
    kernel, queued = add(client, "aki", KERNEL), register(client, disk_format="aki")
    theirs = add(other_client, "aki", KERNEL)
    wrong = {
        "no such": ({"kernel_id": str(uuid.uuid4())}, "kernel_id"),
        "another project's": ({"kernel_id": theirs}, "kernel_id"),
        "a disk": ({"kernel_id": image_id}, "kernel_id"),
        "not there yet": ({"kernel_id": queued}, "kernel_id"),
        "a path": ({"kernel_id": "../../etc/passwd"}, "kernel_id"),
        "a RAM disk alone": ({"ramdisk_id": kernel}, "ramdisk_id"),
        "a kernel as RAM disk": ({"kernel_id": kernel, "ramdisk_id": kernel}, "ramdisk_id"),
        "two lines": ({"kernel_id": kernel, "os_command_line": "a\nb"}, "os_command_line"),
        "a book": ({"kernel_id": kernel, "os_command_line": "a" * 2048}, "os_command_line"),
    }
    for name, (properties, said) in wrong.items():
        answer = create(client, add(client, "raw", DISK, **properties))

        assert answer.status_code == 400, name
        assert f"Image property {said}" in answer.get_json()["badRequest"]["message"], name


@pytest.mark.parametrize(("disk_format", "content"), [("aki", KERNEL), ("ari", DISK)])
def test_a_kernel_is_no_disk_to_make_a_server_from(
    client: ApiClient, disk_format: str, content: bytes
) -> None:
    answer = create(client, add(client, disk_format, content))

    assert answer.status_code == 400
    assert f"is {disk_format}, no disk" in answer.get_json()["badRequest"]["message"]


def test_a_disk_larger_than_the_flavors_is_refused_with_the_numbers(client: ApiClient) -> None:
    """The size is that of the disk inside, by which nothing is made before it is known to fit."""
    large = add(client, "qcow2", qcow2(size=2 * 2**40, l1_entries=4096))

    answer = create(client, large)

    assert answer.status_code == 400
    message = answer.get_json()["badRequest"]["message"]
    assert f"the image is {2 * 2**40} bytes" in message
