# SPDX-License-Identifier: Apache-2.0
"""Images between the use cases and the disk: bases made at once, uploads that died."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from agent import disks
from agent.creation import CreateServer
from agent.errors import BadRequest, NoCapacity
from agent.imagewiring import build_bases
from agent.imaging import CreateImage
from agent.model.image import ImageStatus, Visibility
from agent.model.layout import Layout
from tests.fast.smallcloud import SmallCloud
from tests.lab.commands import run
from tests.lab.waiting import wait_for


def register(cloud: SmallCloud, disk_format: str) -> str:
    admin = cloud.parts.cloud.identity.assume("admin")
    return cloud.parts.cloud.imaging.create(admin, CreateImage("new", None, disk_format, "bare")).id


def add_raw(cloud: SmallCloud) -> str:
    """Add a small raw image that every project sees."""
    admin, imaging = cloud.parts.cloud.identity.assume("admin"), cloud.parts.cloud.imaging
    request = CreateImage("raw", None, "raw", "bare", visibility=Visibility.PUBLIC)
    image_id = imaging.create(admin, request).id
    imaging.upload(admin, image_id, iter([b"disk" * 1024]))
    return image_id


def status(cloud: SmallCloud, image_id: str) -> str:
    return cloud.parts.store.images.get(image_id, viewer=None).status


def test_a_raw_image_is_converted_when_it_comes_not_when_it_is_wanted(
    cloud: SmallCloud, tmp_path: Path
) -> None:
    disk = tmp_path / "disk.raw"
    run(["qemu-img", "create", "-q", "-f", "raw", disk, "2M"])
    image_id = register(cloud, "raw")
    admin = cloud.parts.cloud.identity.assume("admin")
    cloud.parts.cloud.imaging.upload(admin, image_id, iter([disk.read_bytes()]))

    base = Layout(cloud.config.state_dir).base(image_id)
    assert status(cloud, image_id) == "active"
    assert '"format": "qcow2"' in run(["qemu-img", "info", "--output=json", base]).stdout


def test_an_upload_ends_before_the_disk_is_full(cloud: SmallCloud) -> None:
    capacity = replace(cloud.config.capacity, reserved_disk_gb=1_000_000)
    cloud.config = replace(cloud.config, capacity=capacity)
    cloud.reboot()
    image_id = register(cloud, "qcow2")
    admin = cloud.parts.cloud.identity.assume("admin")
    with pytest.raises(NoCapacity, match="GiB free"):
        cloud.parts.cloud.imaging.upload(admin, image_id, iter([b"x" * 1000]))

    assert status(cloud, image_id) == "queued"
    assert list(Layout(cloud.config.state_dir).images.glob(f"*{image_id}*")) == []


def test_an_upload_that_died_with_its_process_may_be_made_again(cloud: SmallCloud) -> None:
    image_id = register(cloud, "qcow2")
    died_saving(cloud, image_id, os.getpid())
    disks.sweep_temp_files(cloud.config.state_dir)
    cloud.parts.cloud.imaging.recover()

    assert status(cloud, image_id) == "queued"
    assert list(Layout(cloud.config.state_dir).images.glob(".*")) == []


def test_an_upload_of_another_process_that_lives_goes_on(cloud: SmallCloud) -> None:
    image_id = register(cloud, "qcow2")
    part = died_saving(cloud, image_id, os.getppid())
    disks.sweep_temp_files(cloud.config.state_dir)
    cloud.parts.cloud.imaging.recover()

    assert status(cloud, image_id) == "saving"
    assert part.exists()


def died_saving(cloud: SmallCloud, image_id: str, pid: int) -> Path:
    """Leave an upload as a killed process leaves it."""
    cloud.parts.store.images.update(
        image_id,
        expected_status=ImageStatus.QUEUED,
        status=ImageStatus.SAVING,
        updated_at=cloud.clock.now(),
    )
    part = Layout(cloud.config.state_dir).images / f".{image_id}.{pid}.0123.part"
    part.write_bytes(b"half")
    return part


def test_an_upload_that_died_when_all_was_there_leaves_nothing_to_the_next(
    cloud: SmallCloud,
) -> None:
    image_id = register(cloud, "raw")
    admin = cloud.parts.cloud.identity.assume("admin")
    cloud.parts.cloud.imaging.upload(admin, image_id, iter([b"old " * 1024]))
    layout = Layout(cloud.config.state_dir)
    cloud.parts.store.images.update(
        image_id, expected_status=None, status=ImageStatus.SAVING, updated_at=cloud.clock.now()
    )
    cloud.parts.cloud.imaging.recover()
    left = [path for path in (layout.image(image_id), layout.base(image_id)) if path.exists()]

    layout.base(image_id).write_bytes(b"stale")  # what a death in recover itself would leave
    cloud.parts.cloud.imaging.upload(admin, image_id, iter([b"new " * 1024]))

    assert left == []
    assert status(cloud, image_id) == "active"
    assert layout.base(image_id).read_bytes().startswith(b"QFI")


def test_a_deletion_that_died_between_record_and_file_is_ended(cloud: SmallCloud) -> None:
    admin, imaging = cloud.parts.cloud.identity.assume("admin"), cloud.parts.cloud.imaging
    layout = Layout(cloud.config.state_dir)
    image_id, kept = register(cloud, "raw"), register(cloud, "raw")
    for each in (image_id, kept):
        imaging.upload(admin, each, iter([b"data" * 1024]))
    cloud.parts.store.images.delete(image_id, viewer=None, check=lambda image: None)
    stray = layout.images / "a file of somebody's"
    stray.write_text("mine")

    imaging.recover()

    assert not layout.image(image_id).exists()
    assert not layout.base(image_id).exists()
    assert layout.image(kept).exists()
    assert layout.base(kept).exists()
    assert stray.exists()


def test_what_only_a_deleted_server_needed_goes_with_the_next_build(cloud: SmallCloud) -> None:
    cloud.config = replace(cloud.config, limits=replace(cloud.config.limits, base_cache_gb=0))
    cloud.reboot()
    admin = cloud.parts.cloud.identity.assume("admin")
    image_id = add_raw(cloud)
    asked = CreateServer("first", image_id, "1")
    first = cloud.parts.cloud.creation.create_server(cloud.asking, asked).server.id
    cloud.work()
    base = Layout(cloud.config.state_dir).base(image_id)
    while_needed = base.exists()
    cloud.act(first, "delete")
    cloud.work()

    tiny = next(x for x in cloud.parts.cloud.imaging.list_images(admin) if x.name == "tiny")
    asked = CreateServer("second", tiny.id, "1")
    second = cloud.parts.cloud.creation.create_server(cloud.asking, asked).server.id
    cloud.work()

    assert cloud.server(second).vm_state == "active"
    assert (while_needed, base.exists()) == (True, False)


def test_no_base_is_lost_under_a_server_while_the_cache_is_trimmed(cloud: SmallCloud) -> None:
    """With room for nothing, all that no server needs goes at any moment, and no build minds."""
    cloud.config = replace(cloud.config, limits=replace(cloud.config.limits, base_cache_gb=0))
    cloud.reboot()
    image_id = add_raw(cloud)
    bases = build_bases(cloud.config, cloud.parts.store)
    base, over = Layout(cloud.config.state_dir).base(image_id), threading.Event()
    after_upload = base.exists()

    def trim() -> int:
        dropped = 0
        while not over.is_set():
            dropped += len(bases.trim())
        return dropped

    with ThreadPoolExecutor(1) as pool:
        trimming = pool.submit(trim)
        try:
            for number in range(8):
                asked = CreateServer(f"s{number}", image_id, "1")
                created = cloud.parts.cloud.creation.create_server(cloud.asking, asked).server
                cloud.work()
                assert cloud.server(created.id).vm_state == "active"
                assert base.exists()
                cloud.parts.cloud.compute.act(cloud.asking, created.id, "delete")
                cloud.work()
                wait_for(lambda: not base.exists(), timeout_s=10, what="the base to go")
        finally:
            over.set()
        dropped = trimming.result()

    assert (after_upload, dropped) == (False, 8)


def test_an_image_is_deleted_or_a_server_made_of_it_never_both(cloud: SmallCloud) -> None:
    admin = cloud.parts.cloud.identity.assume("admin")
    imaging, creation = cloud.parts.cloud.imaging, cloud.parts.cloud.creation
    outcomes = set()
    for number in range(12):
        image_id = add_raw(cloud)
        asked = CreateServer(f"s{number}", image_id, "1")
        with ThreadPoolExecutor(2) as pool:
            made = pool.submit(creation.create_server, cloud.asking, asked)
            gone = pool.submit(imaging.delete, admin, image_id)
        outcomes.add((made.exception() is None, gone.exception() is None))
        if made.exception() is None:
            server_id = made.result().server.id
            cloud.work()
            assert cloud.server(server_id).vm_state == "active"
            cloud.parts.cloud.compute.act(cloud.asking, server_id, "delete")
            cloud.work()
        else:
            assert isinstance(made.exception(), BadRequest)

    assert outcomes <= {(True, False), (False, True)}
