# SPDX-License-Identifier: Apache-2.0
"""Placing on many hosts: groups, hints, zones and disabled hosts, as the database has them."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from agent.errors import BadRequest, NoCapacity, OverQuota
from agent.model.group import Policy, ServerGroup
from agent.model.placement import NO_HINTS, Hints, HostLoad, choose_host
from agent.model.quota import Quota
from agent.model.server import Flavor, Server
from agent.store import Store
from tests.unit.store import makers
from tests.unit.store.makers import NO_QUOTA, NOW, make_server, remove

SMALL = Flavor("1", "m1.tiny", vcpus=1, ram_mb=512, disk_gb=1)
HOSTS = [HostLoad(name, 100, 10**6, zone="nova") for name in "abcd"]


def add_group(store: Store, policy: Policy, most: int | None = None) -> str:
    group = ServerGroup(str(uuid.uuid4()), "web", "blue", "ann", policy, NOW, most)
    return store.server_groups.add(group, most=-1).id


def build(store: Store, hints: Hints, *, quota: Quota = NO_QUOTA, **fields: Any) -> Server:
    return makers.build(store, replace(make_server(), **fields), hints=hints, quota=quota)


def place(store: Store, hints: Hints = NO_HINTS, **fields: Any) -> str:
    """Build a server, place it on one of the hosts, and name that."""
    server = build(store, hints, **fields)
    return store.tasks.claim_host(
        server.id, HOSTS, lambda hosts, wish: choose_host(hosts, server.flavor, wish)
    )


@pytest.mark.parametrize(
    ("policy", "most", "hosts"),
    [
        (Policy.ANTI_AFFINITY, None, [1, 1, 1, 1]),
        (Policy.ANTI_AFFINITY, 2, [2, 2, 2, 2]),
        (Policy.AFFINITY, None, [0, 0, 0, 8]),
        (Policy.SOFT_AFFINITY, None, [0, 0, 0, 8]),
        (Policy.SOFT_ANTI_AFFINITY, None, [2, 2, 2, 2]),
    ],
)
def test_members_of_a_group_go_where_its_policy_says(
    store: Store, policy: Policy, most: int | None, hosts: list[int]
) -> None:
    hints = Hints(group_id=add_group(store, policy, most))

    placed = []
    for _ in range(8):
        try:
            placed.append(place(store, hints))
        except NoCapacity:
            break

    assert sorted(placed.count(host.name) for host in HOSTS) == hosts


def test_members_that_are_placed_at_once_keep_apart(store: Store) -> None:
    hints = Hints(group_id=add_group(store, Policy.ANTI_AFFINITY))

    with ThreadPoolExecutor(4) as pool:
        placed = list(pool.map(lambda _: place(store, hints), range(4)))

    assert sorted(placed) == ["a", "b", "c", "d"]


def test_a_deleted_member_gives_its_host_free(store: Store) -> None:
    hints = Hints(group_id=add_group(store, Policy.ANTI_AFFINITY))
    for _ in HOSTS:
        place(store, hints)
    group = store.server_groups.list(project_id="blue")[0]

    remove(store, group.members[0])

    assert place(store, hints) in {host.name for host in HOSTS}
    with pytest.raises(NoCapacity, match="anti-affinity"):
        place(store, hints)


def test_hints_count_servers_of_the_same_project_only(store: Store) -> None:
    own = build(store, Hints())
    foreign = build(store, Hints(), project_id="red")
    for server in (own, foreign):
        store.tasks.claim_host(server.id, HOSTS, lambda hosts, wish: "b")

    assert place(store, Hints(same_host=(own.id,))) == "b"
    assert place(store, Hints(different_host=(own.id,))) != "b"
    with pytest.raises(NoCapacity, match="same_host"):
        place(store, Hints(same_host=(foreign.id,)))


def test_zones_and_disabled_hosts_leave_hosts_out(store: Store) -> None:
    east = store.aggregates.add(str(uuid.uuid4()), "rack", "east", NOW)
    for host in ("c", "d"):
        store.aggregates.add_host(east.id, host, NOW, default_zone="nova")
        store.hosts.ensure(host, NOW)
    store.hosts.change("c", NOW, disabled=True)

    assert {place(store) for _ in range(6)} == {"a", "b", "d"}
    assert {place(store, pinned_zone="east") for _ in range(3)} == {"d"}
    assert {place(store, pinned_zone="nova") for _ in range(4)} == {"a", "b"}
    with pytest.raises(NoCapacity, match="d is not c, which was asked for"):
        place(store, requested_host="c")


def test_a_server_shows_the_zone_of_its_host(store: Store) -> None:
    east = store.aggregates.add(str(uuid.uuid4()), "rack", "east", NOW)
    store.aggregates.add_host(east.id, "a", NOW, default_zone="nova")
    servers = [build(store, Hints()) for _ in range(2)]
    for server, host in zip(servers, "ab", strict=True):
        load = next(load for load in HOSTS if load.name == host)
        store.tasks.claim_host(
            server.id, [load], lambda hosts, wish: choose_host(hosts, SMALL, wish)
        )

    zones = [store.servers.get(s.id, project_id=None).availability_zone for s in servers]
    assert zones == ["east", "nova"]


def test_a_group_has_so_many_members_at_most(store: Store) -> None:
    hints = Hints(group_id=add_group(store, Policy.SOFT_AFFINITY))
    quota = replace(NO_QUOTA, server_group_members=2)
    for _ in range(2):
        build(store, hints, quota=quota)

    with pytest.raises(OverQuota, match="too many servers in group"):
        build(store, hints, quota=quota)
    assert len(store.server_groups.list(project_id="blue")[0].members) == 2


def test_a_group_that_is_not_there_refuses_the_server(store: Store) -> None:
    foreign = Hints(group_id=add_group(store, Policy.AFFINITY))
    for hints, project in ((Hints(group_id="none"), "blue"), (foreign, "red")):
        with pytest.raises(BadRequest, match="Instance group"):
            build(store, hints, project_id=project)
