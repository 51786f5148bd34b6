# SPDX-License-Identifier: Apache-2.0
"""Resizes of a real guest: it sees its new size; reverted, it has every byte of before."""

from __future__ import annotations

import pytest

from tests.real.conftest import RealCloud
from tests.real.test_rebuild import wait_for_boots

pytestmark = pytest.mark.real

GIB = 2**30


def size_of(real: RealCloud, server_id: str) -> tuple[bool, int]:
    """Whether the guest has more memory than m1.tiny, and its disk in GiB."""
    guest = real.guest(server_id)
    memory_kib = int(guest.shell("awk '/^MemTotal/ {print $2}' /proc/meminfo"))
    sectors = int(guest.shell("cat /sys/block/vda/size"))
    return memory_kib > 600 * 1024, sectors * 512 // GIB


def resize(real: RealCloud, server_id: str) -> None:
    real.api.act(server_id, {"resize": {"flavorRef": "2"}})
    real.api.wait_for_status(server_id, "VERIFY_RESIZE")


def test_a_resized_guest_is_larger_and_reverted_what_it_was(real: RealCloud) -> None:
    server_id = real.booted()
    guest = real.guest(server_id)
    kept = real.live.state / "servers" / server_id / "disk.resize.qcow2"
    guest.shell("echo before >/root/before && sync")
    small = size_of(real, server_id)

    resize(real, server_id)
    said = wait_for_boots(real, server_id, 2)
    large, name = size_of(real, server_id), real.api.server(server_id)["flavor"]["id"]
    came_along = guest.shell("cat /root/before")
    guest.shell("echo after >/root/after && rm /root/before && sync")
    was_kept = kept.exists()
    real.api.act(server_id, {"revertResize": None})
    real.api.wait_for_status(server_id, "ACTIVE")
    wait_for_boots(real, server_id, 3)

    assert "TINY-DOWN" in said
    assert (small, large, name) == ((False, 1), (True, 20), "2")
    assert (came_along, was_kept) == ("before", True)
    assert guest.shell("ls /root") == "before"
    assert (size_of(real, server_id), kept.exists()) == ((False, 1), False)
    assert real.api.server(server_id)["flavor"]["id"] == "1"

    resize(real, server_id)
    wait_for_boots(real, server_id, 4)
    path = f"/compute/v2.1/servers/{server_id}/action"
    confirmed, _, _ = real.api.request("POST", path, {"confirmResize": None})
    server = real.api.wait_for_status(server_id, "ACTIVE")

    assert (confirmed, server["flavor"]["id"], kept.exists()) == (204, "2", False)
    assert (size_of(real, server_id), guest.shell("ls /root")) == ((True, 20), "before")
    real.delete(server_id)
