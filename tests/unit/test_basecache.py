# SPDX-License-Identifier: Apache-2.0
"""The cache of what servers stand on: made once, by rename, dropped only when nobody needs it."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import pytest

from agent import disks
from agent.basecache import BaseCache
from agent.errors import BadRequest, HostFailed, NoCapacity
from agent.model.layout import Layout
from agent.qemuimg import ask_qemu_img
from tests.lab.commands import run

MIB = 1024**2


@pytest.fixture
def cache(tmp_path: Path) -> BaseCache:
    disks.ensure_folders(tmp_path)
    return BaseCache(Layout(tmp_path), set, max_bytes=1024 * MIB)


def add_image(cache: BaseCache, content: Callable[[Path], None]) -> str:
    image_id = str(uuid.uuid4())
    content(cache.layout.image(image_id))
    return image_id


def empty(image_format: str, mib: int = 8) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", image_format, path, f"{mib}M"], check=True
        )

    return make


def noise(mib: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(os.urandom(mib * MIB))

    return make


def list_files(cache: BaseCache) -> list[str]:
    state = cache.layout.state
    return sorted(str(path.relative_to(state)) for path in state.rglob("*") if path.is_file())


def test_a_qcow2_image_becomes_its_base_without_taking_space(cache: BaseCache) -> None:
    image_id = add_image(cache, empty("qcow2"))

    assert cache.ensure_base(image_id, "qcow2").samefile(cache.layout.image(image_id))


def test_a_kernel_gets_a_name_that_qemu_may_read_it_by(cache: BaseCache) -> None:
    image_id = add_image(cache, noise(1))

    path = cache.ensure_boot_file(image_id)

    assert path == cache.layout.bases / f"{image_id}.img"
    assert path.samefile(cache.layout.image(image_id))


@pytest.mark.parametrize(
    ("disk_format", "qemu_format"),
    [("raw", "raw"), ("ami", "raw"), ("vmdk", "vmdk"), ("vdi", "vdi"), ("vhd", "vpc")],
)
def test_a_disk_of_another_format_is_converted(
    cache: BaseCache, disk_format: str, qemu_format: str
) -> None:
    image_id = add_image(cache, empty(qemu_format))
    image = cache.layout.image(image_id)
    run(["qemu-io", "-f", qemu_format, "-c", "write -P 0x61 1M 64k", image])

    base = cache.ensure_base(image_id, disk_format)

    run(["qemu-img", "compare", "-f", qemu_format, "-F", "qcow2", image, base])
    assert stat.S_IMODE(base.stat().st_mode) == 0o400
    assert list_files(cache) == [f"base/{image_id}.qcow2", f"images/{image_id}"]


def test_a_raw_image_with_a_qcow2_header_stays_raw(cache: BaseCache) -> None:
    """The format is told, never probed: the header's backing file is not read."""

    def trap(path: Path) -> None:
        backing = ["-u", "-b", "/etc/hostname", "-F", "raw"]
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", *backing, path, "8M"], check=True
        )
        os.truncate(path, 8 * MIB)

    base = cache.ensure_base(add_image(cache, trap), "raw")

    info = ask_qemu_img("info", ["-f", "qcow2"], base)
    assert "backing-filename" not in info
    assert info["virtual-size"] == 8 * MIB


def test_a_base_that_is_there_is_left_alone(cache: BaseCache) -> None:
    image_id = str(uuid.uuid4())
    cache.layout.base(image_id).write_bytes(b"already")

    assert cache.ensure_base(image_id, "raw").read_bytes() == b"already"


def test_many_builds_of_one_raw_image_convert_it_once(cache: BaseCache) -> None:
    image_id = add_image(cache, empty("raw", 64))

    with ThreadPoolExecutor(4) as pool:
        bases = pool.map(lambda _: cache.ensure_base(image_id, "raw").stat().st_ino, range(4))

    assert len(set(bases)) == 1
    assert list_files(cache) == [f"base/{image_id}.qcow2", f"images/{image_id}"]


def test_a_missing_image_file_fails_and_leaves_nothing(cache: BaseCache) -> None:
    for image_format in ("qcow2", "raw"):
        with pytest.raises((HostFailed, BadRequest), match="No such file or directory"):
            cache.ensure_base(str(uuid.uuid4()), image_format)

    assert list_files(cache) == []


def test_the_cost_is_nothing_for_qcow2_and_the_disks_size_for_others(cache: BaseCache) -> None:
    raw, qcow2 = add_image(cache, empty("raw")), add_image(cache, empty("qcow2"))

    assert cache.cost_bytes(qcow2, "qcow2", 8 * MIB) == 0
    assert cache.cost_bytes(raw, "raw", 8 * MIB) == 8 * MIB
    cache.ensure_base(raw, "raw")
    assert cache.cost_bytes(raw, "raw", 8 * MIB) == 0


def test_a_conversion_without_room_is_refused_before_it_begins(cache: BaseCache) -> None:
    tight = replace(cache, keep_free_bytes=1024**5)

    with pytest.raises(NoCapacity, match="GiB are needed"):
        tight.ensure_base(add_image(cache, noise(1)), "raw")

    assert list(cache.layout.bases.iterdir()) == []


def test_a_running_guest_keeps_the_base_that_is_replaced(cache: BaseCache) -> None:
    image_id = add_image(cache, noise(1))
    base = cache.ensure_base(image_id, "raw")

    with base.open("rb") as of_a_guest:
        before = of_a_guest.read()
        base.unlink()
        cache.ensure_base(image_id, "raw")
        of_a_guest.seek(0)

        assert of_a_guest.read() == before
        assert os.fstat(of_a_guest.fileno()).st_ino != base.stat().st_ino


def test_above_its_limit_the_cache_drops_what_was_used_longest_ago(cache: BaseCache) -> None:
    small = replace(cache, max_bytes=5 * MIB)
    oldest, middle = add_image(cache, noise(2)), add_image(cache, noise(2))
    for at, image_id in enumerate((oldest, middle)):
        os.utime(small.ensure_base(image_id, "raw"), (at, at))
    small.ensure_base(oldest, "raw")  # used once more: now the other is the oldest
    newest = add_image(cache, noise(2))

    small.ensure_base(newest, "raw")

    assert {path.stem for path in cache.layout.bases.iterdir()} == {oldest, newest}
    assert small.ensure_base(middle, "raw").exists()


def test_what_servers_stand_on_stays_however_large(cache: BaseCache) -> None:
    image_ids = [add_image(cache, noise(1)) for _ in range(3)]
    pinned = replace(cache, list_needed=lambda: set(image_ids), max_bytes=0)

    for image_id in image_ids:
        pinned.ensure_base(image_id, "raw")

    assert {path.stem for path in cache.layout.bases.iterdir()} == set(image_ids)
    assert replace(pinned, list_needed=set).trim() == image_ids
    assert list(cache.layout.bases.iterdir()) == []


def test_second_names_of_images_do_not_count(cache: BaseCache) -> None:
    none = replace(cache, max_bytes=0)

    base = none.ensure_base(add_image(cache, empty("qcow2")), "qcow2")

    assert none.trim() == []
    assert base.exists()


def test_a_build_that_comes_while_bases_are_trimmed_has_its_base_in_the_end(
    cache: BaseCache,
) -> None:
    """The trimming has read that nobody needs the base; then a server's row is written."""
    rows: set[str] = set()
    has_read, go_on = threading.Event(), threading.Event()

    def read_slowly() -> set[str]:
        read = set(rows)
        has_read.set()
        go_on.wait(10)
        return read

    image_id = add_image(cache, noise(1))
    base = cache.ensure_base(image_id, "raw")
    racing = replace(cache, list_needed=read_slowly, max_bytes=0)
    with ThreadPoolExecutor(2) as pool:
        trimming = pool.submit(racing.trim)
        assert has_read.wait(10)
        rows.add(image_id)
        building = pool.submit(racing.ensure_base, image_id, "raw")
        wait([building], timeout=0.3)  # as far as it gets
        go_on.set()

    assert trimming.result() == [image_id]
    assert building.result() == base
    assert base.exists()
