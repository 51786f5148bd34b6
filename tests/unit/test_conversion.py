# SPDX-License-Identifier: Apache-2.0
"""Other hypervisors' disks made qcow2: the same disk inside, within bounds, or nothing at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.conversion import CONVERTIBLE, convert_to_qcow2
from agent.errors import BadRequest, Forbidden, NoCapacity
from agent.imagecheck import inspect
from agent.qemuimg import MIB, qemu_name
from tests.lab.commands import run
from tests.lab.hostile_vmdk import vmdk

GIB = 1024 * MIB


def make_disk(folder: Path, disk_format: str, *options: str) -> Path:
    """A disk with a mark in the middle and noise at its start."""
    raw, path = folder / "raw", folder / f"disk.{disk_format}"
    raw.write_bytes(os.urandom(2 * MIB) + bytes(2 * MIB) + b"mark" * 1024)
    os.truncate(raw, 8 * MIB)
    command = ["qemu-img", "convert", "-f", "raw", "-O", qemu_name(disk_format), *options]
    run([*command, raw, path])
    return path


@pytest.mark.parametrize("disk_format", CONVERTIBLE)
def test_the_disk_inside_stays_what_it_was(tmp_path: Path, disk_format: str) -> None:
    options = ["-o", "force_size=on"] if disk_format == "vhd" else []
    source, target = make_disk(tmp_path, disk_format, *options), tmp_path / "new.qcow2"
    told: list[float] = []

    size = convert_to_qcow2(source, disk_format, target, max_bytes=GIB, on_progress=told.append)

    compare = ["qemu-img", "compare", "-f", qemu_name(disk_format), "-F", "qcow2"]
    run([*compare, source, target])
    assert size == inspect(target, "qcow2").virtual_size == 8 * MIB
    assert stat.S_IMODE(target.stat().st_mode) == 0o400
    assert told[-1] == 1.0


def test_a_stream_of_compressed_grains_is_converted(tmp_path: Path) -> None:
    source = make_disk(tmp_path, "vmdk", "-o", "subformat=streamOptimized")

    size = convert_to_qcow2(source, "vmdk", tmp_path / "new.qcow2", max_bytes=GIB)

    assert size == 8 * MIB


def test_a_vhd_is_as_large_as_qemu_sees_it(tmp_path: Path) -> None:
    """Its geometry may say some sectors less than its header."""
    source = make_disk(tmp_path, "vhd")

    size = convert_to_qcow2(source, "vhd", tmp_path / "new.qcow2", max_bytes=GIB)

    assert size == inspect(tmp_path / "new.qcow2", "qcow2").virtual_size


def test_a_disk_that_is_too_large_inside_is_refused(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "new.qcow2"
    source.write_bytes(vmdk(capacity=1 << 32))

    with pytest.raises(Forbidden, match=f"has {2 * 2**40} bytes; at most {GIB} bytes"):
        convert_to_qcow2(source, "vmdk", target, max_bytes=GIB)

    assert sorted(tmp_path.iterdir()) == [source]


def test_without_room_nothing_is_begun(tmp_path: Path) -> None:
    source, target = make_disk(tmp_path, "vdi"), tmp_path / "new.qcow2"
    before = sorted(tmp_path.iterdir())

    with pytest.raises(NoCapacity, match="GiB are needed"):
        convert_to_qcow2(source, "vdi", target, max_bytes=GIB, keep_free_bytes=2**60)

    assert sorted(tmp_path.iterdir()) == before


def test_what_is_not_what_it_is_called_never_meets_qemu(tmp_path: Path) -> None:
    source, target = make_disk(tmp_path, "vdi"), tmp_path / "new.qcow2"

    for declared in ("raw", "vmdk", "vhd", "qed"):
        with pytest.raises(BadRequest):
            convert_to_qcow2(source, declared, target, max_bytes=GIB)

    assert not target.exists()


def test_a_conversion_that_is_ended_leaves_what_was_there(tmp_path: Path) -> None:
    source, target = make_disk(tmp_path, "raw"), tmp_path / "new.qcow2"
    target.write_bytes(b"old")
    before = sorted(tmp_path.iterdir())

    def stop(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_to_qcow2(source, "raw", target, max_bytes=GIB, on_progress=stop)

    assert sorted(tmp_path.iterdir()) == before
    assert target.read_bytes() == b"old"
