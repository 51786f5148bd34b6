# SPDX-License-Identifier: Apache-2.0
"""The one security group that each project has, which says what is so: nothing is filtered."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

DEFAULT = "default"
DESCRIPTION = (
    "The only group. It filters nothing: all traffic from and to a server passes. Use a firewall "
    "in the guest, or a network of the project's own."
)

_SPACE = uuid.UUID("5f0a3f0e-64a5-4b63-9c3e-6f2f0d5b9a11")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that lets all of one direction and kind pass."""

    id: str
    group_id: str
    direction: str  # "ingress" or "egress"
    ethertype: str  # "IPv4" or "IPv6"

    @property
    def anywhere(self) -> str:
        """All addresses of its kind."""
        return "0.0.0.0/0" if self.ethertype == "IPv4" else "::/0"


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A project's group."""

    id: str
    project_id: str
    rules: tuple[Rule, ...]


def is_group_of(project_id: str, name_or_id: str) -> bool:
    """Whether a request means the one group of a project: clients send its name or its id."""
    return name_or_id in {DEFAULT, default_group(project_id).id}


def default_group(project_id: str) -> SecurityGroup:
    """The group of a project; its ids are made of the project's, and so stay."""
    group_id = str(uuid.uuid5(_SPACE, project_id))
    rules = tuple(
        Rule(
            id=str(uuid.uuid5(_SPACE, f"{project_id}/{direction}/{ethertype}")),
            group_id=group_id,
            direction=direction,
            ethertype=ethertype,
        )
        for direction in ("egress", "ingress")
        for ethertype in ("IPv4", "IPv6")
    )
    return SecurityGroup(group_id, project_id, rules)
