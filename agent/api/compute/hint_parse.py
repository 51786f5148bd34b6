# SPDX-License-Identifier: Apache-2.0
"""The scheduler hints of a create request, which stand beside its server. Pure.

Hints that no scheduler knows are let through, as the standard does; those that it knows and this
cloud does not obey are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.api.parse import parse_uuid
from agent.errors import BadRequest
from agent.model.placement import Hints

HINT_NAMES = ("os:scheduler_hints", "OS-SCH-HNT:scheduler_hints")
"""What the hints may be called; the first counts when both are given."""

MOST_SERVERS = 100
"""How many servers one hint may name."""

NOT_OBEYED = ("query", "target_cell", "different_cell", "build_near_host_ip", "cidr")

_SERVERS = {
    "type": ["string", "array"],
    "items": {"type": "string"},
    "maxItems": MOST_SERVERS,
    "description": "the id of a server, or a list of such ids",
}

HINTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "group": {"type": "string"},
        "same_host": _SERVERS,
        "different_host": _SERVERS,
    },
}
"""The schema of the hints."""


def parse_hints(body: Mapping[str, Any]) -> Hints:
    """Read the hints of a body that fits the schema; `BadRequest` names one that is wrong."""
    name = next((name for name in HINT_NAMES if name in body), HINT_NAMES[0])
    asked = body.get(name, {})
    for hint in NOT_OBEYED:
        if hint in asked:
            raise BadRequest(f"{name}.{hint}: this version of the cloud does not obey it.")
    group = asked.get("group")
    return Hints(
        group_id=None if group is None else _id(f"{name}.group", group),
        same_host=_ids(f"{name}.same_host", asked.get("same_host", ())),
        different_host=_ids(f"{name}.different_host", asked.get("different_host", ())),
    )


def _ids(field: str, asked: Any) -> tuple[str, ...]:
    listed = [asked] if isinstance(asked, str) else asked
    return tuple(_id(field, each) for each in listed)


def _id(field: str, text: str) -> str:
    found = parse_uuid(text)
    if found is None:
        raise BadRequest(f"{field}: must be a uuid.")
    return found
