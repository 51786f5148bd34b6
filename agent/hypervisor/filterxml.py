# SPDX-License-Identifier: Apache-2.0
"""What one port lets pass, in libvirt's words for network filters (its page formatnwfilter)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.model.firewall import Firewall, Pass
from agent.model.securitygroup import EGRESS, HAVE_TYPES, INGRESS, IPV4

_DIRECTIONS: Mapping[str, str] = {INGRESS: "in", EGRESS: "out"}

_REMOTES: Mapping[str, str] = {INGRESS: "src", EGRESS: "dst"}
"""Which end of a packet is the other one."""


@dataclass(frozen=True, slots=True)
class Accept:
    """A rule as the template shows it: what passes, and with it its answers if it is tracked."""

    direction: str  # "in" to the guest, "out" of it
    element: str
    attributes: tuple[tuple[str, str], ...]
    is_tracked: bool = True


ALWAYS: tuple[Accept, ...] = (
    Accept("out", "udp", (("srcportstart", "68"), ("dstportstart", "67"))),  # asks for its address
    *(
        Accept(direction, element, attributes, is_tracked)
        for element, attributes, is_tracked in (
            ("icmpv6", (("type", "135"),), False),  # neighbours are sought and found,
            ("icmpv6", (("type", "136"),), False),  # which is never tracked
            ("icmp", (("type", "0"), ("state", "ESTABLISHED")), True),  # a ping that was let
            ("icmpv6", (("type", "129"), ("state", "ESTABLISHED")), True),  # is answered
            ("icmp", (("state", "RELATED"),), True),  # errors of what was let
            ("icmpv6", (("state", "RELATED"),), True),
        )
        # libvirt leaves a rule of a type of ICMP out that is for both.
        for direction in ("in", "out")
    ),
)
"""What passes whatever the groups say."""


def accepts(firewall: Firewall) -> list[Accept]:
    """Word each thing that passes by the groups."""
    return [
        Accept(_DIRECTIONS[each.direction], _element(each), tuple(_attributes(each)))
        for each in firewall.passes
    ]


def _element(passing: Pass) -> str:
    if passing.protocol == "ipv6-icmp":
        return "icmpv6"
    protocol = passing.protocol or "all"
    return protocol if passing.ethertype == IPV4 else f"{protocol}-ipv6"


def _attributes(passing: Pass) -> Iterator[tuple[str, str]]:
    first, last = (
        ("type", "code") if passing.protocol in HAVE_TYPES else ("dstportstart", "dstportend")
    )
    if passing.port_min >= 0:
        yield first, str(passing.port_min)
    if passing.port_max >= 0:
        yield last, str(passing.port_max)
    if passing.remote:
        address, _, length = passing.remote.partition("/")
        end = _REMOTES[passing.direction]
        yield f"{end}ipaddr", address
        yield f"{end}ipmask", length
