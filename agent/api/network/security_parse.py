# SPDX-License-Identifier: Apache-2.0
"""Bodies that make or change security groups and their rules, checked field by field. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator

from agent.api.network.parse import OWNED, TEXT, body_schema, check_as_it_is
from agent.api.parse import parse_uuid
from agent.api.schemas import closed
from agent.errors import BadRequest
from agent.model.rulecheck import parse_protocol
from agent.model.securitygroup import IPV4, IPV6, NOT_YET, Rule

_PORT: dict[str, Any] = {"type": ["integer", "string", "null"]}
_MAYBE_TEXT = {"type": ["string", "null"], "maxLength": 255}
_RULE = {
    **OWNED,
    "security_group_id": TEXT,
    "direction": {"enum": ["ingress", "egress"]},
    "ethertype": {"type": "string", "pattern": r"^(?i:IPv4|IPv6)\Z", "description": "IPv4 or IPv6"},
    "protocol": {"type": ["string", "integer", "null"], "maxLength": 40},
    "port_range_min": _PORT,
    "port_range_max": _PORT,
    "remote_ip_prefix": _MAYBE_TEXT,
    "remote_group_id": _MAYBE_TEXT,
    "remote_address_group_id": {},
}
_REQUIRED = ("security_group_id", "direction")
MOST_RULES = 1000
"""Of one request, whatever the quota: they are all written in one transaction."""

GROUP = body_schema("security_group", (), OWNED, "stateful")
GROUP_CHANGE = body_schema("security_group", (), {"name": TEXT, "description": TEXT}, "stateful")
RULES = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "security_group_rule": closed(_RULE, _REQUIRED),
            "security_group_rules": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_RULES,
                "items": closed(_RULE, _REQUIRED),
            },
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
)
"""One rule, or several of one group."""


def rules_of(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The rules that a body which fits the schema asks for."""
    one: Mapping[str, Any] | None = body.get("security_group_rule")
    several: Sequence[Mapping[str, Any]] = body.get("security_group_rules", ())
    return several if one is None else [one]


def parse_rule(asked: Mapping[str, Any]) -> Rule:
    """Read a rule; its id and its time come later, as does whether its parts fit together."""
    check_as_it_is(asked)
    given = asked.get("protocol")
    protocol, number = parse_protocol(given), str(given)
    return Rule(
        id="",
        group_id=_uuid("security_group_id", asked["security_group_id"]),
        direction=asked["direction"],
        ethertype={"ipv4": IPV4, "ipv6": IPV6}[asked.get("ethertype", IPV4).lower()],
        protocol=protocol,
        port_min=_port(asked, "port_range_min"),
        port_max=_port(asked, "port_range_max"),
        remote_prefix=asked.get("remote_ip_prefix") or None,
        remote_group_id=asked.get("remote_group_id") or None,  # any other is not found
        description=asked.get("description", ""),
        created_at=NOT_YET,
        protocol_given=str(int(number)) if protocol and number.isdigit() else None,
    )


def _port(asked: Mapping[str, Any], field: str) -> int | None:
    value = asked.get(field)
    if value is None:
        return None
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise BadRequest(f"{field}: Invalid value for port {text[:60]}")
    return int(text)


def _uuid(field: str, text: str) -> str:
    if parse_uuid(text) is None:
        raise BadRequest(f"Invalid input for {field}. Reason: '{text[:60]}' is not a valid UUID.")
    return text
