# SPDX-License-Identifier: Apache-2.0
"""Security groups and their rules, as the Networking API v2.0 names them.

A group's rules say what passes; what no rule of a port's groups lets pass is dropped. The group
`default` of each project begins with rules that let everything pass, so a port is filtered only
from when somebody has asked for less: see `model/firewall.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network

from agent.errors import Conflict

DEFAULT = "default"
DEFAULT_DESCRIPTION = "Default security group"

INGRESS, EGRESS = "ingress", "egress"
IPV4, IPV6 = "IPv4", "IPv6"
ANYWHERE = {IPV4: "0.0.0.0/0", IPV6: "::/0"}

PROTOCOLS: Mapping[str, int] = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "icmp": 1,
    "icmpv6": 58,
    "igmp": 2,
    "ipip": 4,
    "ipv6-encap": 41,
    "ipv6-frag": 44,
    "ipv6-icmp": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "ospf": 89,
    "pgm": 113,
    "rsvp": 46,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
    "vrrp": 112,
}
"""The numbers of the protocols that the Networking API has names for; some have two."""

FILTERED: Mapping[str, Collection[str]] = {
    "tcp": (IPV4, IPV6),
    "udp": (IPV4, IPV6),
    "icmp": (IPV4,),
    "ipv6-icmp": (IPV6,),
    "igmp": (IPV4,),
    "esp": (IPV4, IPV6),
    "ah": (IPV4, IPV6),
    "sctp": (IPV4, IPV6),
    "udplite": (IPV4, IPV6),
}
"""The protocols that libvirt's network filters tell apart: no rule is of another one."""

HAVE_PORTS = frozenset({"tcp", "udp", "sctp", "udplite"})
HAVE_TYPES = frozenset({"icmp", "ipv6-icmp"})

NOT_YET = datetime(1970, 1, 1, tzinfo=UTC)
"""When a rule was made that is only asked for."""

_SPACE = uuid.UUID("5f0a3f0e-64a5-4b63-9c3e-6f2f0d5b9a11")


class SpentError(Conflict):
    """The project has as many groups or rules as it may have."""


class SameRuleError(Conflict):
    """The group has a rule already that lets the same pass."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule lets pass, as its port sees it."""

    id: str
    group_id: str
    direction: str  # INGRESS or EGRESS
    ethertype: str  # IPV4 or IPV6
    protocol: str | None  # a name of `FILTERED`; None: any
    port_min: int | None  # of TCP, UDP and their like, or the ICMP type; None: any
    port_max: int | None  # the last port, or the ICMP code; None: any
    remote_prefix: str | None  # as it was given, "10.2.3.124/24": see `remote_network`
    remote_group_id: str | None  # servers of this group; at most one of the two is given
    description: str
    created_at: datetime
    protocol_given: str | None = None  # its number, where its maker called it that

    @property
    def remote_network(self) -> str | None:
        """The prefix without the bits of a host: "10.2.3.0/24"."""
        return str(ip_network(self.remote_prefix, strict=False)) if self.remote_prefix else None

    @property
    def meaning(self) -> tuple[object, ...]:
        """What two rules of one group have alike when they let the same pass."""
        ports, prefix = (self.port_min, self.port_max), self.remote_network
        is_any = self.protocol in HAVE_PORTS and ports == (1, 65535)
        return (
            *(self.direction, self.ethertype, self.protocol, self.remote_group_id),
            (None, None) if is_any else ports,
            None if prefix == ANYWHERE[self.ethertype] else prefix,
        )


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A project's group."""

    id: str
    project_id: str
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    revision: int
    tags: tuple[str, ...]  # sorted
    rules: tuple[Rule, ...]

    @property
    def is_default(self) -> bool:
        """Whether this is the group that each project has, which can't be renamed or deleted."""
        return self.id == default_id(self.project_id)


def default_id(project_id: str) -> str:
    """The id of the default group of a project: made of the project's, and so always known."""
    return str(uuid.uuid5(_SPACE, project_id))


def default_group(project_id: str, now: datetime) -> SecurityGroup:
    """The default group of a new project: it lets everything pass, both ways."""
    group_id = default_id(project_id)
    rules = tuple(
        open_rule(
            str(uuid.uuid5(_SPACE, f"{project_id}/{direction}/{ethertype}")),
            *(group_id, direction, ethertype, now),
        )
        for direction in (EGRESS, INGRESS)
        for ethertype in (IPV4, IPV6)
    )
    return _group(group_id, project_id, DEFAULT, DEFAULT_DESCRIPTION, rules, now)


def new_group(project_id: str, name: str, description: str, now: datetime) -> SecurityGroup:
    """A group that a user makes: all goes out, and nothing comes in until a rule lets it.

    The Networking API's rule for new groups.
    """
    group_id = str(uuid.uuid4())
    rules = tuple(
        open_rule(str(uuid.uuid4()), group_id, EGRESS, ethertype, now) for ethertype in (IPV4, IPV6)
    )
    return _group(group_id, project_id, name, description, rules, now)


def open_rule(rule_id: str, group_id: str, direction: str, ethertype: str, now: datetime) -> Rule:
    """A rule that lets all of one direction and kind pass."""
    return Rule(rule_id, group_id, direction, ethertype, None, None, None, None, None, "", now)


def _group(
    group_id: str,
    project_id: str,
    name: str,
    description: str,
    rules: tuple[Rule, ...],
    now: datetime,
) -> SecurityGroup:
    return SecurityGroup(group_id, project_id, name, description, now, now, 1, (), rules)
