# SPDX-License-Identifier: Apache-2.0
"""Placement: spread a project's servers, then take the most free RAM."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from agent.errors import NoCapacity
from agent.model.placement import HostLoad, allowed_hosts, choose_host
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


def test_a_host_that_is_asked_for_is_the_only_one() -> None:
    hosts = [HostLoad("a", 8, 8192), HostLoad("b", 8, 8192)]

    assert list(allowed_hosts(hosts, None)) == hosts
    assert list(allowed_hosts(hosts, "b")) == hosts[1:]
    with pytest.raises(NoCapacity, match="there is no host"):
        choose_host(allowed_hosts(hosts, "c"), SMALL)


@pytest.mark.parametrize("seed", range(20))
def test_the_servers_of_each_project_spread_over_many_hosts(seed: int) -> None:
    """Placed one by one, in any order: no host has two more of a project's servers than another,
    as long as both have room, and none has more than it can hold."""
    chance = random.Random(seed)
    hosts = {
        name: HostLoad(name, vcpus=chance.randint(4, 64), ram_mb=2048 * chance.randint(2, 32))
        for name in (f"host-{number}" for number in range(chance.randint(2, 12)))
    }
    placed: Counter[tuple[str, str]] = Counter()
    for _ in range(200):
        project = chance.choice("abc")
        seen = [
            replace(host, project_servers=placed[project, host.name]) for host in hosts.values()
        ]
        chance.shuffle(seen)
        roomy = {host.name for host in seen if _has_room(host)}
        if not roomy:
            break
        name = choose_host(seen, SMALL)
        assert name in roomy
        assert placed[project, name] == min(placed[project, other] for other in roomy)
        placed[project, name] += 1
        hosts[name] = replace(
            hosts[name],
            used_vcpus=hosts[name].used_vcpus + SMALL.vcpus,
            used_ram_mb=hosts[name].used_ram_mb + SMALL.ram_mb,
        )
    assert all(host.free_vcpus >= 0 and host.free_ram_mb >= 0 for host in hosts.values())


def _has_room(host: HostLoad) -> bool:
    return host.free_vcpus >= SMALL.vcpus and host.free_ram_mb >= SMALL.ram_mb
