# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fast suite."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fast.livecloud import over_test_driver
from tests.fast.smallcloud import SmallCloud, build_template
from tests.fast.starts import Starts
from tests.lab.cloud import LiveCloud

MEMORY = Path("/dev/shm")
ROOM = 4 << 30  # bytes: a build refuses to fill what there is


def _in_memory() -> Path | None:
    """Where files are in memory, if there is room.

    Every commit is synced to the disk, and a disk makes thousands of tests wait for minutes.
    """
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM else None


@pytest.fixture
def cloud_root(tmp_path: Path) -> Iterator[Path]:
    """Where a cloud of the test's own lies: in memory if there is room."""
    memory = _in_memory()
    if memory is None:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="cumulet-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that is set up and has an image: made once, copied by each test."""
    return build_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def cloud(template: Path, cloud_root: Path) -> Iterator[SmallCloud]:
    """A cloud of the test's own, with nothing in it but an image."""
    small = SmallCloud.open(template, cloud_root)
    yield small
    small.close()


@pytest.fixture(scope="session")
def all_starts(template: Path) -> Iterator[Starts]:
    with tempfile.TemporaryDirectory(prefix="cumulet-starts-", dir=_in_memory()) as folder:
        yield Starts(template, Path(folder))


@pytest.fixture
def starts(all_starts: Starts) -> Iterator[Starts]:
    """Gives the test a cloud of its own that is at any start."""
    yield all_starts
    all_starts.give_back()


@pytest.fixture(scope="session")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> LiveCloud:
    """A cloud that `cumulet init` has set up, for `live` to copy: it takes a second and a half."""
    folder = tmp_path_factory.mktemp("live")
    cloud = over_test_driver(folder)
    cloud.init()
    cloud.state.rename(folder / "kept")
    return cloud


@pytest.fixture
def live(set_up: LiveCloud) -> Iterator[LiveCloud]:
    """A cloud over libvirt's test driver that is set up and not served, of the test's own."""
    shutil.copytree(set_up.state.with_name("kept"), set_up.state, symlinks=True)
    cloud = LiveCloud(set_up.state, set_up.libvirt_uri, set_up.port)
    yield cloud
    cloud.close()
