# SPDX-License-Identifier: Apache-2.0
"""A cloud that serves on loopback, for clients that know nothing of its tests.

Its libvirt is the test driver: what clients send and read is the same, and no guest has to boot.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fast.smallcloud import NODE
from tests.lab.cloud import LiveCloud, serving
from tests.lab.commands import run


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """`cumulet init`, then `cumulet serve` as a process of its own."""
    folder = tmp_path_factory.mktemp("live")
    node = folder / "node.xml"
    node.write_text(NODE)
    with serving(LiveCloud(folder / "state", f"test://{node}")) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk image of 1 MiB with nothing on it."""
    path = tmp_path_factory.mktemp("disk") / "disk.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"])
    return path
