# SPDX-License-Identifier: Apache-2.0
"""Security groups and their rules, as the Networking API v2.0 names them.

A group's rules say what passes; what no rule of a port's groups lets pass is dropped. The group
`default` of each project begins with rules that let everything pass, so a port is filtered only
from when somebody has asked for less: see `model/firewall.py`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

DEFAULT = "default"
DEFAULT_DESCRIPTION = "Default security group"

INGRESS, EGRESS = "ingress", "egress"
IPV4, IPV6 = "IPv4", "IPv6"
ANYWHERE = {IPV4: "0.0.0.0/0", IPV6: "::/0"}

_SPACE = uuid.UUID("5f0a3f0e-64a5-4b63-9c3e-6f2f0d5b9a11")


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule lets pass, as its port sees it."""

    id: str
    group_id: str
    direction: str  # INGRESS or EGRESS
    ethertype: str  # IPV4 or IPV6
    protocol: str | None  # None: any; else a name of `PROTOCOLS`, or a number from 0 to 255
    port_min: int | None  # of TCP, UDP and their like, or the ICMP type; None: any
    port_max: int | None  # the last port, or the ICMP code; None: any
    remote_prefix: str | None  # a network in CIDR form
    remote_group_id: str | None  # servers of this group; at most one of the two is given
    description: str
    created_at: datetime


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
