# SPDX-License-Identifier: Apache-2.0
"""How the doctor judges the network, and who listens at which port."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.doctor import filtering, nameserver, network
from agent.doctor.filtering import FilterFacts
from agent.doctor.listeners import Listener, find_holder, list_listeners
from agent.doctor.nameserver import NameServer, PortFacts
from agent.doctor.network import NetworkFacts
from agent.doctor.tree import Tree
from agent.hypervisor.base import FoundNetwork, NetworkSpec
from tests.unit.doctor.judging import levels, only, put

LAB = NetworkSpec("cumulet", "cumulet0", "10.70.0.0/24", "10.70.0.1", "10.70.0.2", "10.70.0.254")
FOUND = FoundNetwork("cumulet", "cumulet0", "10.70.0.1", True, True)
WELL = NetworkFacts(
    LAB, FOUND, routes=(("cumulet0", "10.70.0.0/24"),), addresses=frozenset({"10.70.0.1"})
)

UDP = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode \
ref pointer drops
  101: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 111 2 \
0000000000000000 0
  102: 0100460A:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 222 2 \
0000000000000000 0
  103: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 333 2 \
0000000000000000 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue \
rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 0A \
00000000:00000000 00:00000000 00000000     0        0 444 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:0035 00000000000000000000000001000000:9999 01 \
00000000:00000000 00:00000000 00000000     0        0 555 1 0000000000000000 100 0 0 10 0
"""


def test_a_network_that_is_as_it_should_be() -> None:
    assert only(network.judge(WELL)) == (
        "ok",
        "'cumulet' carries 10.70.0.0/24 on bridge cumulet0, isolated",
        "",
    )


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        (replace(WELL, found=None), "problem", "libvirt has no network 'cumulet'"),
        (
            replace(WELL, found=replace(FOUND, address="192.168.122.1", bridge="virbr0")),
            "problem",
            "is not ours: it has 192.168.122.1 on bridge virbr0, not 10.70.0.1 on cumulet0",
        ),
        (replace(WELL, found=replace(FOUND, is_active=False)), "problem", "does not run"),
        (
            replace(WELL, found=replace(FOUND, is_autostarted=False)),
            "warning",
            "would not start with the host",
        ),
        (replace(WELL, addresses=frozenset()), "problem", "bridge cumulet0 lacks 10.70.0.1"),
        (replace(WELL, routes=()), "problem", "bridge cumulet0 lacks 10.70.0.1"),
        (
            replace(WELL, routes=(*WELL.routes, ("eth0", "10.70.0.128/25"))),
            "problem",
            "route to 10.70.0.128/25 by eth0 collides with 10.70.0.0/24",
        ),
        (
            replace(WELL, routes=(*WELL.routes, ("tun0", "10.0.0.0/8"))),
            "warning",
            "route to 10.0.0.0/8 by tun0 collides",
        ),
        (replace(WELL, lab=replace(LAB, mode="nat"), forwards=False), "problem", "no packets"),
        (replace(WELL, found=None, is_known=False), "note", "was not looked at"),
    ],
)
def test_what_is_wrong_with_a_network_is_told(facts: NetworkFacts, level: str, words: str) -> None:
    found = only(network.judge(facts))

    assert found[0] == level
    assert words in found[1]
    assert bool(found[2]) == (level != "note")


def test_an_isolated_network_needs_no_forwarding_and_other_routes_do_not_matter() -> None:
    other = (*WELL.routes, ("eth0", "192.168.1.0/24"))

    assert levels(network.judge(replace(WELL, forwards=False, routes=other))) == ["ok"]


def test_listeners_are_read_from_the_kernels_tables(tmp_path: Path) -> None:
    put(tmp_path, "/proc/net/udp", UDP)
    put(tmp_path, "/proc/net/tcp6", TCP6)
    put(tmp_path, "/proc/7/comm", "named\n")
    (tmp_path / "proc/7/fd").mkdir()
    (tmp_path / "proc/7/fd/3").symlink_to("socket:[444]")
    tree = Tree(tmp_path)

    assert list_listeners(tree, 53) == [
        Listener("tcp", "::", 53, 444),
        Listener("udp", "127.0.0.53", 53, 111),
        Listener("udp", "10.70.0.1", 53, 222),
    ]
    assert find_holder(tree, 444) == "named (process 7)"
    assert find_holder(tree, 111) is None


STUB = NameServer("systemd-resolve (process 5)", "127.0.0.53", False)
OURS = NameServer("dnsmasq (process 9)", "10.70.0.1", False)


def port_facts(*servers: NameServer, is_running: bool = False) -> PortFacts:
    return PortFacts("10.70.0.1", "cumulet0", servers, is_running)


def test_the_stub_of_systemd_and_libvirts_own_are_harmless() -> None:
    assert levels(nameserver.judge(port_facts(STUB, OURS, is_running=True))) == ["ok"]


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("dnsmasq", "`except-interface=cumulet0`"),
        ("named", "`listen-on { 127.0.0.1; };`"),
        ("unbound", "`interface: 127.0.0.1`"),
        ("systemd-resolve", "`DNSStubListenerExtra`"),
        ("coredns", "not at all, nor at 10.70.0.1"),
        ("", "not at all, nor at 10.70.0.1"),
    ],
)
def test_a_server_for_all_addresses_is_in_the_way(name: str, fix: str) -> None:
    holder = f"{name} (process 3)" if name else ""
    both = (NameServer(holder, "0.0.0.0", True), NameServer(holder, "::", True))
    before = only(nameserver.judge(port_facts(STUB, *both)))
    running = only(nameserver.judge(port_facts(STUB, OURS, *both, is_running=True)))

    assert before[0] == "problem"
    assert "listens at port 53 of 0.0.0.0 and ::" in before[1]
    assert fix in before[2]
    assert running[0] == "warning"
    assert running[2] == before[2]


def test_a_server_at_the_bridges_own_address_is_in_the_way() -> None:
    named = NameServer("named (process 3)", "10.70.0.1", False)

    assert levels(nameserver.judge(port_facts(named))) == ["problem"]


IPTABLES, IP6TABLES = "bridge-nf-call-iptables", "bridge-nf-call-ip6tables"


def test_security_groups_can_be_enforced() -> None:
    level, seen, _ = only(filtering.judge(FilterFacts(has_filters=True, filtered=3)))

    assert (level, seen) == (
        "ok",
        "libvirt can filter what passes a server's ports, and does for 3",
    )


@pytest.mark.parametrize(("filtered", "level"), [(0, "warning"), (2, "problem")])
def test_security_groups_that_filter_nothing_are_worse_where_somebody_relies_on_them(
    filtered: int, level: str
) -> None:
    off = only(filtering.judge(FilterFacts(True, filtered, (IPTABLES, IP6TABLES))))
    lacking = only(filtering.judge(FilterFacts(False, filtered)))

    assert off[0] == lacking[0] == level
    assert "sysctl -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf" in off[2]
    assert "libvirt-daemon-driver-nwfilter" in lacking[2]
    assert ("2 ports of servers are to be filtered" in off[1]) == bool(filtered)
