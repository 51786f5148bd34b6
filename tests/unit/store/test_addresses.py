# SPDX-License-Identifier: Apache-2.0
"""Addresses: never-used first, rested ones next, fixed ones honoured, and none given twice."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.network import NicRequest
from agent.model.server import Server
from agent.store import Store
from tests.unit.store.makers import (
    NOW,
    add_network,
    build,
    later,
    make_server,
    remove,
)

NET = NicRequest("net")
THREE = ("10.70.0.2", "10.70.0.4")
DAY_S = 86400.0


def ip_of(server: Server) -> str:
    return server.nics[0].ip


def test_the_pool_is_given_from_its_start(store: Store) -> None:
    add_network(store, pool=("10.70.0.10", "10.70.0.12"))

    assert [ip_of(build(store, nics=[NET])) for _ in range(3)] == [
        "10.70.0.10",
        "10.70.0.11",
        "10.70.0.12",
    ]


def test_the_gateway_and_the_blocks_ends_are_nobodys(store: Store) -> None:
    add_network(store, cidr="10.70.0.0/30", pool=("10.70.0.0", "10.70.0.3"))

    assert ip_of(build(store, nics=[NET])) == "10.70.0.2"
    with pytest.raises(Conflict):
        build(store, nics=[NET])


def test_an_address_that_was_never_used_goes_before_a_rested_one(store: Store) -> None:
    add_network(store, pool=THREE)
    first = build(store, nics=[NET])
    remove(store, first.id, NOW)

    given = [ip_of(build(store, nics=[NET], now=later(DAY_S))) for _ in range(3)]

    assert given == ["10.70.0.3", "10.70.0.4", "10.70.0.2"]


def test_among_rested_ones_the_longest_rested_goes_first(store: Store) -> None:
    add_network(store, pool=THREE)
    one, two, three = (build(store, nics=[NET]) for _ in range(3))
    for server, at in ((two, 1), (three, 2), (one, 3)):
        remove(store, server.id, later(at))

    given = [ip_of(build(store, nics=[NET], now=later(DAY_S))) for _ in range(3)]

    assert given == ["10.70.0.3", "10.70.0.4", "10.70.0.2"]


def test_an_address_rests_before_it_is_given_again(store: Store) -> None:
    add_network(store, pool=("10.70.0.2", "10.70.0.2"))
    remove(store, build(store, nics=[NET]).id, NOW)

    with pytest.raises(Conflict):
        build(store, nics=[NET], rest_s=60, now=later(59.9))

    assert ip_of(build(store, nics=[NET], rest_s=60, now=later(60))) == "10.70.0.2"


def test_an_exhausted_pool_is_a_conflict_with_the_numbers(store: Store) -> None:
    add_network(store, pool=THREE)
    servers = [build(store, nics=[NET]) for _ in range(3)]
    remove(store, servers[0].id)

    with pytest.raises(Conflict) as refusal:
        build(store, nics=[NET])

    assert refusal.value.message == (
        "No more IP addresses available on network net: its pool 10.70.0.2 - 10.70.0.4 has 3, "
        "of which 1 rest for a while since their server was deleted and the others are in use."
    )


def test_a_fixed_address_is_honoured(store: Store) -> None:
    add_network(store)

    assert ip_of(build(store, nics=[NicRequest("net", "10.70.0.77")])) == "10.70.0.77"


def test_a_taken_fixed_address_is_refused(store: Store) -> None:
    add_network(store)
    build(store, nics=[NicRequest("net", "10.70.0.77")])

    with pytest.raises(BadRequest) as refusal:
        build(store, nics=[NicRequest("net", "10.70.0.77")])

    assert refusal.value.message == "Fixed IP address 10.70.0.77 is already in use."


def test_a_fixed_address_may_be_one_that_rests(store: Store) -> None:
    add_network(store, pool=THREE)
    remove(store, build(store, nics=[NET]).id)

    assert ip_of(build(store, nics=[NicRequest("net", "10.70.0.2")])) == "10.70.0.2"
    assert ip_of(build(store, nics=[NET])) == "10.70.0.3"


@pytest.mark.parametrize(
    ("fixed_ip", "message"),
    [
        (
            "10.70.0.9",
            "Fixed IP address 10.70.0.9 is not in the pool 10.70.0.2 - 10.70.0.4 "
            "of subnet net-subnet.",
        ),
        (
            "192.0.2.1",
            "Fixed IP address 192.0.2.1 is not in the pool 10.70.0.2 - 10.70.0.4 "
            "of subnet net-subnet.",
        ),
        ("10.70.0.02", "Fixed IP address 10.70.0.02 is not an IPv4 address."),
        ("nonsense", "Fixed IP address nonsense is not an IPv4 address."),
    ],
)
def test_a_fixed_address_outside_the_pool_is_a_bad_request(
    store: Store, fixed_ip: str, message: str
) -> None:
    add_network(store, pool=THREE)

    with pytest.raises(BadRequest) as refusal:
        build(store, nics=[NicRequest("net", fixed_ip)])

    assert refusal.value.message == message


def test_a_network_that_the_project_does_not_see_is_not_found(store: Store) -> None:
    add_network(store, network_id="reds", project_id="red", shared=False)

    with pytest.raises(NotFound) as refusal:
        build(store, make_server(project_id="blue"), nics=[NicRequest("reds")])

    assert refusal.value.message == "Network reds could not be found."
    assert build(store, make_server(project_id="red"), nics=[NicRequest("reds")]).nics


def test_macs_are_in_the_clouds_range_and_unique(store: Store) -> None:
    add_network(store)

    macs = [nic.mac for nic in build(store, nics=[NET] * 20).nics]

    assert len(set(macs)) == 20
    assert all(re.fullmatch(r"fa:16:3e(:[0-9a-f]{2}){3}", mac) for mac in macs)


def test_creates_at_once_never_share_an_address(store: Store) -> None:
    add_network(store)

    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: build(store, nics=[NET]), range(12)))

    assert len({ip_of(server) for server in servers}) == 12


def test_spare_ports_are_given_to_the_next_servers_and_made_up_again(store: Store) -> None:
    add_network(store, network_id="a", cidr="10.1.0.0/24")
    before = store.tasks.keep_spares("a", 2, 3600, NOW)
    nics = build(store, nics=[NicRequest("a")]).nics
    after = store.tasks.keep_spares("a", 2, 3600, NOW)

    assert [port.nic.ip for port in before] == ["10.1.0.2", "10.1.0.3"]
    assert nics[0] == before[0].nic
    assert sorted(port.nic.ip for port in after if port.server_id is None) == [
        "10.1.0.3",
        "10.1.0.4",
    ]


def test_a_fixed_address_may_be_that_of_a_spare_port(store: Store) -> None:
    add_network(store, network_id="a", cidr="10.1.0.0/24")
    spare = store.tasks.keep_spares("a", 2, 3600, NOW)[1].nic

    nics = build(store, nics=[NicRequest("a", fixed_ip=spare.ip)]).nics

    assert nics[0] == spare


def test_the_last_addresses_are_given_though_they_are_spare(store: Store) -> None:
    add_network(store, network_id="a", cidr="10.1.0.0/29")
    spares = store.tasks.keep_spares("a", 99, 3600, NOW)
    nics = build(store, nics=[NicRequest("a")] * len(spares)).nics

    assert len(spares) == 5
    assert [nic.ip for nic in nics] == [port.nic.ip for port in spares]
