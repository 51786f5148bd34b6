# SPDX-License-Identifier: Apache-2.0
"""Images between the use cases and the disk: bases made at once, uploads that died."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent import disks
from agent.errors import NoCapacity
from agent.imaging import CreateImage
from agent.model.image import ImageStatus
from agent.model.layout import Layout
from tests.fast.smallcloud import SmallCloud
from tests.lab.commands import run


def register(cloud: SmallCloud, disk_format: str) -> str:
    admin = cloud.parts.cloud.identity.assume("admin")
    return cloud.parts.cloud.imaging.create(admin, CreateImage("new", None, disk_format, "bare")).id


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
