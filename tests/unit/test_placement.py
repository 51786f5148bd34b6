# SPDX-License-Identifier: Apache-2.0
"""Placement: what a host must be, then spread a project's servers, then take the most free RAM."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from agent.errors import NoCapacity
from agent.model.group import Policy
from agent.model.placement import HostLoad, Wish, choose_host
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


def hosts(*members: int) -> list[HostLoad]:
    """Hosts a, b, c, … of one size with so many servers of the group each."""
    return [
        HostLoad(name, 8, 16384, group_members=count, zone="nova")
        for name, count in zip("abcdef", members, strict=False)
    ]


@pytest.mark.parametrize(
    ("policy", "members", "most", "chosen"),
    [
        (Policy.AFFINITY, (0, 0, 0), 1, "a"),
        (Policy.AFFINITY, (0, 2, 0), 1, "b"),
        (Policy.ANTI_AFFINITY, (1, 1, 0), 1, "c"),
        (Policy.ANTI_AFFINITY, (2, 1, 2), 2, "b"),
        (Policy.SOFT_AFFINITY, (0, 1, 2), 1, "c"),
        (Policy.SOFT_ANTI_AFFINITY, (2, 1, 2), 1, "b"),
        (Policy.SOFT_ANTI_AFFINITY, (1, 1, 1), 1, "a"),
    ],
)
def test_a_groups_policy_chooses(
    policy: Policy, members: tuple[int, ...], most: int, chosen: str
) -> None:
    wish = Wish(policy=policy, max_per_host=most)

    assert choose_host(hosts(*members), SMALL, wish) == chosen


@pytest.mark.parametrize(
    ("wish", "chosen"),
    [
        (Wish(host="b"), "b"),
        (Wish(zone="nova"), "a"),
        (Wish(same_as=frozenset({"b", "c"})), "b"),
        (Wish(apart_from=frozenset({"a", "b"})), "c"),
        (Wish(same_as=frozenset({"a", "b"}), apart_from=frozenset({"a"})), "b"),
    ],
)
def test_hints_choose(wish: Wish, chosen: str) -> None:
    assert choose_host(hosts(0, 0, 0), SMALL, wish) == chosen


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(zone="mars"), "a is not in the availability zone mars"),
        (Wish(host="z"), "a is not z, which was asked for"),
        (Wish(same_as=frozenset()), "a has none of the servers that same_host names"),
        (Wish(apart_from=frozenset("ab")), "b has a server that different_host names"),
        (Wish(policy=Policy.ANTI_AFFINITY), "a has 1 of its anti-affinity group"),
    ],
)
def test_a_refusal_says_why_each_host_is_out(wish: Wish, said: str) -> None:
    with pytest.raises(NoCapacity, match="No valid host was found") as refused:
        choose_host(hosts(1, 1), SMALL, wish)

    assert said in refused.value.message
    assert "smaller flavor" not in refused.value.message


def test_an_affinity_group_never_leaves_its_host_for_want_of_room() -> None:
    full = HostLoad("a", 8, 1024, group_members=1)

    with pytest.raises(NoCapacity):
        choose_host([full, HostLoad("b", 8, 16384)], SMALL, Wish(policy=Policy.AFFINITY))


def test_a_disabled_host_is_left_out() -> None:
    off = HostLoad("a", 8, 16384, is_enabled=False)

    assert choose_host([off, HostLoad("b", 8, 4096, project_servers=5)], SMALL) == "b"
    with pytest.raises(NoCapacity, match="a is disabled"):
        choose_host([off], SMALL)


def random_case(rng: random.Random) -> tuple[list[HostLoad], Wish]:
    loads = [
        HostLoad(
            f"host-{number}",
            vcpus=rng.randrange(9),
            ram_mb=rng.randrange(0, 9000, 500),
            project_servers=rng.randrange(4),
            group_members=rng.choice([0, 0, 1, 2]),
            zone=rng.choice(["east", "west"]),
            is_enabled=rng.random() < 0.8,
        )
        for number in range(rng.randrange(12))
    ]
    names = [load.name for load in loads]

    def some() -> frozenset[str]:
        return frozenset(name for name in names if rng.random() < 0.5)

    wish = Wish(
        zone=rng.choice([None, None, "east"]),
        same_as=rng.choice([None, None, some()]),
        apart_from=rng.choice([frozenset[str](), some()]),
        policy=rng.choice([None, *Policy]),
        max_per_host=rng.choice([1, 2]),
    )
    return loads, wish


@pytest.mark.parametrize("seed", range(300))
def test_what_is_chosen_obeys_every_rule_and_nothing_better_is_left(seed: int) -> None:
    """Said once more in other words: what may be chosen, and that the best of it is."""
    loads, wish = random_case(random.Random(seed))
    grouped = {load.name for load in loads if load.group_members}
    may = [
        load
        for load in loads
        if load.is_enabled
        and load.vcpus >= SMALL.vcpus
        and load.ram_mb >= SMALL.ram_mb
        and (wish.zone is None or load.zone == wish.zone)
        and (wish.same_as is None or load.name in wish.same_as)
        and load.name not in wish.apart_from
        and (wish.policy != "anti-affinity" or load.group_members < wish.max_per_host)
        and (wish.policy != "affinity" or not grouped or load.name in grouped)
    ]
    if not may:
        with pytest.raises(NoCapacity):
            choose_host(loads, SMALL, wish)
        return

    name = choose_host(loads, SMALL, wish)

    (chosen,) = (load for load in may if load.name == name)
    rivals = may
    if wish.policy == "soft-affinity":
        rivals = [x for x in may if x.group_members == max(y.group_members for y in may)]
    if wish.policy == "soft-anti-affinity":
        rivals = [x for x in may if x.group_members == min(y.group_members for y in may)]
    assert chosen in rivals
    fewest = [x for x in rivals if x.project_servers == min(y.project_servers for y in rivals)]
    assert chosen in fewest
    assert chosen.ram_mb == max(x.ram_mb for x in fewest)


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
