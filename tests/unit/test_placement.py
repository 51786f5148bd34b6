# SPDX-License-Identifier: Apache-2.0
"""Placement: spread a project's servers, then take the most free RAM."""

from __future__ import annotations

import pytest

from agent.errors import NoCapacity
from agent.model.placement import HostLoad, choose_host
from agent.model.server import Flavor

SMALL = Flavor("2", "m1.small", vcpus=1, ram_mb=2048, disk_gb=20)


def test_a_host_without_servers_of_the_project_is_preferred() -> None:
    crowded = HostLoad("a", 8, 16384, project_servers=1)
    empty = HostLoad("b", 8, 4096)

    assert choose_host([crowded, empty], SMALL) == "b"


def test_among_equals_the_most_free_ram_wins() -> None:
    small, large = HostLoad("a", 8, 8192), HostLoad("b", 8, 16384, used_ram_mb=4096)

    assert choose_host([small, large], SMALL) == "b"


def test_without_room_the_numbers_are_said() -> None:
    full = HostLoad("a", 8, 4096, used_vcpus=2, used_ram_mb=3072)

    with pytest.raises(NoCapacity) as refused:
        choose_host([full], SMALL)

    assert "needs 1 vCPUs and 2048 MiB" in refused.value.message
    assert "a has 6 vCPUs and 1024 MiB free" in refused.value.message
