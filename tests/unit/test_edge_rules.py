# SPDX-License-Identifier: Apache-2.0
"""The table of nftables for floating addresses, from values alone."""

from __future__ import annotations

import pytest

from agent.edge.rules import Inside, conditions, render
from agent.model.firewall import Firewall, Pass
from agent.model.floating import Translation

ROUTED = Inside("cumulet0", "10.70.0.0/24", is_routed=True)
ISOLATED = Inside("cumulet0", "10.70.0.0/24", is_routed=False)
WEB = Translation("192.0.2.10", "10.70.0.5", "port-1")
DB = Translation("192.0.2.11", "10.70.0.6", "port-2")


@pytest.mark.parametrize(
    ("passing", "condition"),
    [
        (Pass("ingress", "IPv4"), ""),
        (Pass("ingress", "IPv4", "tcp"), "meta l4proto 6"),
        (Pass("ingress", "IPv4", "tcp", 22, 22), "meta l4proto 6 th dport 22-22"),
        (Pass("ingress", "IPv4", "udp", 1, 65535), "meta l4proto 17 th dport 1-65535"),
        (Pass("ingress", "IPv4", "udp", 53), "meta l4proto 17 th dport 53-53"),
        (Pass("ingress", "IPv4", "icmp", 8), "meta l4proto 1 icmp type 8"),
        (Pass("ingress", "IPv4", "icmp", 3, 0), "meta l4proto 1 icmp type 3 icmp code 0"),
        (Pass("ingress", "IPv4", "esp"), "meta l4proto 50"),
        (
            Pass("ingress", "IPv4", "tcp", 80, 90, "10.1.0.0/16"),
            "ip saddr { 10.1.0.0/16 } meta l4proto 6 th dport 80-90",
        ),
        (Pass("ingress", "IPv4", remote="192.0.2.7/32"), "ip saddr { 192.0.2.7/32 }"),
    ],
)
def test_what_comes_in_is_known_by_it(passing: Pass, condition: str) -> None:
    assert conditions([passing]) == (condition,)


@pytest.mark.parametrize("passing", [Pass("egress", "IPv4"), Pass("ingress", "IPv6")])
def test_what_goes_out_or_is_of_another_version_says_nothing_here(passing: Pass) -> None:
    assert conditions([passing]) == ()


def test_one_kind_is_one_rule_whoever_sends_it() -> None:
    def tcp(remote: str) -> Pass:
        return Pass("ingress", "IPv4", "tcp", 22, 22, remote)

    several = [tcp(each) for each in ("10.1.0.0/16", "10.1.2.0/24", "192.0.2.7/32")]
    ssh = "meta l4proto 6 th dport 22-22"

    assert conditions(several) == (f"ip saddr {{ 10.1.0.0/16, 192.0.2.7/32 }} {ssh}",)
    assert conditions([*several, tcp("")]) == (ssh,)


def test_equal_values_give_equal_text_in_whatever_order() -> None:
    assert render("t", ROUTED, [WEB, DB], {}) == render("t", ROUTED, [DB, WEB], {})


def test_the_table_takes_the_place_of_the_one_before() -> None:
    assert render("t", ROUTED, [], {}).splitlines()[:3] == [
        *("table ip t", "delete table ip t", "table ip t {"),
    ]


def test_a_port_that_is_filtered_has_a_chain_and_an_open_one_none() -> None:
    firewall = Firewall("port-1", "s", "m", (Pass("ingress", "IPv4", "tcp", 22, 22),))
    text = render("t", ROUTED, [WEB, DB], {"port-1": firewall})

    assert "elements = { 192.0.2.10 : 10.70.0.5, 192.0.2.11 : 10.70.0.6 }" in text
    assert text.count("chain to_") == 1
    assert "ct original ip daddr 192.0.2.10 ip daddr 10.70.0.5 goto to_10_70_0_5" in text
    assert "ct original ip daddr 192.0.2.11 ip daddr 10.70.0.6 accept" in text


def test_an_isolated_network_gets_no_way_out() -> None:
    ways_out = [" snat to ", "ip saddr 10.70.0.0/24 masquerade"]
    routed, isolated = (render("t", each, [WEB], {}) for each in (ROUTED, ISOLATED))

    # What comes by a floating address from a neighbour is masqueraded in both.
    assert [routed.count(way) for way in ways_out] == [1, 2]
    assert [isolated.count(way) for way in ways_out] == [0, 1]


@pytest.mark.parametrize("wrong", ["192.0.2.10; drop", "x", "", "192.0.2.10/24"])
def test_what_is_no_address_comes_into_no_rule(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"address|Unexpected|octet|empty|Only"):
        render("t", ROUTED, [Translation(wrong, "10.70.0.5", "p")], {})
