# SPDX-License-Identifier: Apache-2.0
"""/network/v2.0/security-group-rules: what a rule may say, and how it is refused.

Codes and fields are the Networking API reference's; words of refusals are Neutron's.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient
from tests.fast.api.test_network_security import (
    GROUPS,
    MISSING,
    RULES,
    add_rule,
    ask_rule,
    make,
    said,
)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, {"protocol": None, "ethertype": "IPv4"}),
        ({"ethertype": "ipv6"}, {"protocol": None, "ethertype": "IPv6"}),
        ({"protocol": "any"}, {"protocol": None}),
        ({"protocol": 0}, {"protocol": None}),
        ({"protocol": "TCP", "port_range_min": 22, "port_range_max": 22}, {"protocol": "tcp"}),
        ({"protocol": "17"}, {"protocol": "17", "port_range_min": None}),
        ({"protocol": 132}, {"protocol": "132"}),
        ({"protocol": 1, "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
        ({"protocol": "udplite"}, {"protocol": "udplite"}),
        ({"protocol": "igmp"}, {"protocol": "igmp"}),
        ({"protocol": "esp"}, {"protocol": "esp"}),
        ({"protocol": "051"}, {"protocol": "51"}),
        ({"protocol": "icmp", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
        ({"protocol": "icmpv6", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
        (
            {"protocol": "icmp", "port_range_min": "8", "port_range_max": "0"},
            {"port_range_min": 8, "port_range_max": 0},
        ),
        ({"protocol": "icmp", "port_range_min": 255}, {"port_range_max": None}),
        (
            {"remote_ip_prefix": "10.2.3.124/24"},
            {"remote_ip_prefix": "10.2.3.124/24", "normalized_cidr": "10.2.3.0/24"},
        ),
        ({"remote_ip_prefix": "10.2.3.4"}, {"remote_ip_prefix": "10.2.3.4/32"}),
        (
            {"remote_ip_prefix": "FD00::/8", "ethertype": "IPv6"},
            {"remote_ip_prefix": "fd00::/8", "normalized_cidr": "fd00::/8"},
        ),
        ({"description": "ours", "remote_address_group_id": None}, {"description": "ours"}),
    ],
)
def test_a_rule_says_what_it_was_asked_to(
    client: ApiClient, asked: dict[str, Any], shown: dict[str, Any]
) -> None:
    rule = add_rule(client, make(client)["id"], **asked)

    assert {name: rule[name] for name in shown} == shown
    assert client.get(f"{RULES}/{rule['id']}").get_json() == {"security_group_rule": rule}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"protocol": "carrier-pigeon"}, "carrier-pigeon not supported"),
        ({"protocol": "256"}, "256 not supported"),
        ({"protocol": "-1"}, "-1 not supported"),
        ({"protocol": "gre"}, "libvirt can't filter by gre"),
        ({"protocol": 47}, "libvirt can't filter by 47"),
        ({"protocol": "ipv6-icmp"}, "Invalid ethertype IPv4 for protocol ipv6-icmp"),
        ({"protocol": "igmp", "ethertype": "IPv6"}, "Invalid ethertype IPv6 for protocol igmp"),
        ({"port_range_min": 1, "port_range_max": 2}, "Must also specify protocol"),
        ({"protocol": "esp", "port_range_min": 1, "port_range_max": 2}, "Invalid protocol esp"),
        ({"protocol": "tcp", "port_range_min": 2, "port_range_max": 1}, "port_range_min must be"),
        ({"protocol": "tcp", "port_range_min": 2}, "port_range_min must be"),
        ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 2}, "port_range_min must be"),
        ({"protocol": "tcp", "port_range_min": 1, "port_range_max": 65536}, "port 65536"),
        (
            {"protocol": "tcp", "port_range_min": "x", "port_range_max": 2},
            "Invalid value for port x",
        ),
        ({"protocol": "icmp", "port_range_min": -1, "port_range_max": 2}, "Invalid value"),
        ({"protocol": "icmp", "port_range_min": 256}, "Invalid value for ICMP type"),
        ({"protocol": "icmp", "port_range_min": 1, "port_range_max": 256}, "for ICMP code"),
        ({"protocol": "icmp", "port_range_max": 1}, "ICMP type (port-range-min) is missing"),
        ({"remote_ip_prefix": "fd00::/8"}, "Conflicting value ethertype IPv4 for CIDR fd00::/8"),
        ({"remote_ip_prefix": "10.0.0.0/33"}, "'10.0.0.0/33' is not a valid IP subnet."),
        ({"remote_ip_prefix": "fe80::1%eth0", "ethertype": "IPv6"}, "is not a valid IP subnet."),
        (
            {"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": MISSING},
            "Only remote_ip_prefix or remote_group_id may be provided.",
        ),
        ({"remote_address_group_id": MISSING}, "there are no address groups"),
        ({"direction": "inward"}, "direction"),
        ({"ethertype": "IPv5"}, "ethertype"),
        ({"security_group_id": "web"}, "'web' is not a valid UUID"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_rule_whose_parts_do_not_fit_is_refused(
    client: ApiClient, asked: dict[str, Any], message: str
) -> None:
    group_id = make(client)["id"]
    code, text = said(ask_rule(client, **{"group": group_id, **asked}))

    assert (code, message in text) == (400, True), text
    rules = client.get(f"{RULES}?security_group_id={group_id}").get_json()["security_group_rules"]
    assert len(rules) == 2


def test_several_rules_are_added_or_none(client: ApiClient) -> None:
    group_id = make(client)["id"]
    rules = [
        {"security_group_id": group_id, "direction": "ingress", "protocol": protocol}
        for protocol in ("tcp", "udp")
    ]
    answer = client.post(RULES, {"security_group_rules": rules})
    made = answer.get_json()["security_group_rules"]
    twice = client.post(RULES, {"security_group_rules": [{**rules[0], "protocol": "ah"}] * 2})
    by_number = ask_rule(client, group_id, protocol=6)
    again = client.post(RULES, {"security_group_rules": [{**rules[0], "protocol": "ah"}, rules[0]]})
    mixed = client.post(
        RULES, {"security_group_rules": [rules[0], {**rules[0], "security_group_id": MISSING}]}
    )

    assert answer.status_code == 201
    assert [rule["protocol"] for rule in made] == ["tcp", "udp"]
    assert by_number.status_code == 409
    assert (twice.status_code, mixed.status_code) == (409, 400)
    assert said(again) == (
        409,
        f"Security group rule already exists. Rule id is {made[0]['id']}.",
    )
    shown = client.get(f"{GROUPS}/{group_id}").get_json()["security_group"]["security_group_rules"]
    assert len(shown) == 4
