# SPDX-License-Identifier: Apache-2.0
"""What the rules of security groups let pass, and how libvirt is told: literal values."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from agent.hypervisor.domainxml import render_filter
from agent.model.firewall import EVERYTHING, Firewall, Pass, are_open, passes_of
from agent.model.securitygroup import (
    EGRESS,
    INGRESS,
    IPV4,
    IPV6,
    Rule,
    default_group,
    new_group,
    open_rule,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PORT = "1f2e8a4e-52a0-4c6e-8a0e-8f7c0f3f9d11"


def rule(direction: str = INGRESS, ethertype: str = IPV4, **fields: Any) -> Rule:
    return replace(open_rule(str(uuid.uuid4()), "group", direction, ethertype, NOW), **fields)


def walled(*passes: Pass) -> Firewall:
    return Firewall(PORT, "server", "fa:16:3e:00:00:01", tuple(sorted(passes)))


def told(firewall: Firewall) -> list[str]:
    """The rules of a filter in short, without those that every filter has."""
    root = ElementTree.fromstring(render_filter(firewall, "name"))
    short = []
    for each in root.iterfind("rule"):
        if each.get("priority") != "100":
            (what,) = each
            attributes = "".join(f" {key}={value}" for key, value in what.attrib.items())
            short.append(f"{each.get('action')} {each.get('direction')} {what.tag}{attributes}")
    return short


def test_the_default_group_lets_all_pass_and_a_new_one_only_what_goes_out() -> None:
    default, new = default_group("blue", NOW), new_group("blue", "web", "", NOW)

    assert are_open(default.rules)
    assert not are_open(new.rules)
    assert passes_of(new.rules, {}) == (Pass(EGRESS, IPV4), Pass(EGRESS, IPV6))
    assert (default.is_default, new.is_default) == (True, False)


@pytest.mark.parametrize("number", range(4))
def test_less_than_everything_is_not_open(number: int) -> None:
    passes = [each for index, each in enumerate(EVERYTHING) if index != number]

    assert not walled(*passes).is_open
    assert walled(*EVERYTHING).is_open


@pytest.mark.parametrize(
    ("given", "passes"),
    [
        (rule(), [Pass(INGRESS, IPV4)]),
        (rule(remote_prefix="0.0.0.0/0"), [Pass(INGRESS, IPV4)]),
        (rule(ethertype=IPV6, remote_prefix="::/0"), [Pass(INGRESS, IPV6)]),
        (
            rule(remote_prefix="10.1.2.3/16", protocol="tcp", port_min=22, port_max=23),
            [Pass(INGRESS, IPV4, "tcp", 22, 23, "10.1.0.0/16")],
        ),
        (
            rule(protocol="icmp", port_min=8, port_max=0),
            [Pass(INGRESS, IPV4, "icmp", 8, 0)],
        ),
        (
            rule(remote_group_id="friends", protocol="udp"),
            [
                Pass(INGRESS, IPV4, "udp", remote="10.70.0.5/32"),
                Pass(INGRESS, IPV4, "udp", remote="10.70.0.9/32"),
            ],
        ),
        (rule(remote_group_id="nobody"), []),
        (rule(ethertype=IPV6, remote_group_id="friends"), []),  # servers have IPv4 addresses
    ],
)
def test_what_a_rule_lets_pass(given: Rule, passes: Sequence[Pass]) -> None:
    members = {"friends": ["10.70.0.9", "10.70.0.5"], "nobody": []}

    assert list(passes_of([given, given], members)) == passes


@pytest.mark.parametrize(
    ("passing", "accepted"),
    [
        (Pass(INGRESS, IPV4), "accept in all"),
        (Pass(EGRESS, IPV6), "accept out all-ipv6"),
        (Pass(INGRESS, IPV4, "tcp", 22, 22), "accept in tcp dstportstart=22 dstportend=22"),
        (
            Pass(EGRESS, IPV4, "udp", 53, 54, "10.1.0.0/16"),
            "accept out udp dstportstart=53 dstportend=54 dstipaddr=10.1.0.0 dstipmask=16",
        ),
        (
            Pass(INGRESS, IPV6, "tcp", 1, 65535, "2001:db8::/32"),
            "accept in tcp-ipv6 dstportstart=1 dstportend=65535 srcipaddr=2001:db8:: srcipmask=32",
        ),
        (Pass(INGRESS, IPV4, "icmp", 8, 0), "accept in icmp type=8 code=0"),
        (Pass(INGRESS, IPV4, "icmp", 3), "accept in icmp type=3"),
        (Pass(EGRESS, IPV6, "ipv6-icmp", 128), "accept out icmpv6 type=128"),
        (Pass(INGRESS, IPV4, "esp"), "accept in esp"),
        (Pass(INGRESS, IPV6, "sctp", 9, 9), "accept in sctp-ipv6 dstportstart=9 dstportend=9"),
        (
            Pass(INGRESS, IPV4, "", remote="10.70.0.5/32"),
            "accept in all srcipaddr=10.70.0.5 srcipmask=32",
        ),
    ],
)
def test_how_libvirt_is_told(passing: Pass, accepted: str) -> None:
    assert told(walled(passing)) == [accepted, "drop inout all", "drop inout all-ipv6"]


def test_what_every_filter_lets_pass_beyond_its_groups() -> None:
    root = ElementTree.fromstring(render_filter(walled(), "cumulet.me.port"))
    always = [
        f"{each.get('direction')} {what.tag} {' '.join(what.attrib.values())}"
        + ("" if each.get("statematch") is None else " untracked")
        for each in root.iterfind("rule[@priority='100']")
        for what in each
    ]

    assert (root.get("name"), root.findtext("uuid")) == ("cumulet.me.port", PORT)
    assert always == [
        "out udp 68 67",
        "in icmpv6 135 untracked",
        "out icmpv6 135 untracked",
        "in icmpv6 136 untracked",
        "out icmpv6 136 untracked",
        "in icmp 0 ESTABLISHED",
        "out icmp 0 ESTABLISHED",
        "in icmpv6 129 ESTABLISHED",
        "out icmpv6 129 ESTABLISHED",
        "in icmp RELATED",
        "out icmp RELATED",
        "in icmpv6 RELATED",
        "out icmpv6 RELATED",
    ]


def test_an_open_filter_has_no_rule_at_all() -> None:
    root = ElementTree.fromstring(render_filter(walled(*EVERYTHING), "name"))

    assert [child.tag for child in root] == ["uuid"]
