# SPDX-License-Identifier: Apache-2.0
"""A rule of a security group as the Compute API takes it: of what comes in. Pure.

The words of a refusal are Nova's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from agent.errors import BadRequest
from agent.model.rulecheck import parse_prefix
from agent.model.securitygroup import ANYWHERE, INGRESS, IPV4, NOT_YET, Rule

NUMBER = re.compile(r"-?[0-9]{1,9}")

PROTOCOLS = ("tcp", "udp", "icmp")
ALL = {"tcp": (1, 65535), "udp": (1, 65535), "icmp": (-1, -1)}
"""The ports, or the type and the code, that stand for all of them."""

ANY = -1
"""Of a type or a code: it does not matter."""


def parse_rule(asked: Mapping[str, Any]) -> Rule:
    """Read a rule that fits the schema; it has its id and its time later."""
    group_id, prefix, ethertype = asked.get("group_id"), None, IPV4
    if group_id is None:
        prefix, ethertype = _prefix(asked.get("cidr"))
    protocol = _protocol(asked.get("ip_protocol"))
    first, last = _ports(protocol, asked.get("from_port"), asked.get("to_port"), group_id)
    return Rule(
        id="",
        group_id=asked["parent_group_id"],
        direction=INGRESS,
        ethertype=ethertype,
        protocol=protocol,
        port_min=None if first == ANY else first,
        port_max=None if last == ANY else last,
        remote_prefix=prefix,
        remote_group_id=group_id,
        description="",
        created_at=NOT_YET,
    )


def shown_ports(rule: Rule) -> tuple[int | None, int | None]:
    """The ports of a rule as the Compute API shows them: those that stand for all, where it is so.

    None of a rule for any protocol.
    """
    if rule.protocol is None or (rule.port_min, rule.port_max) != (None, None):
        return rule.port_min, rule.port_max
    return ALL.get(rule.protocol, (ANY, ANY))


def _prefix(given: object) -> tuple[str, str]:
    if not given:
        return ANYWHERE[IPV4], IPV4
    text = unquote(given) if isinstance(given, str) else ""
    try:
        prefix, ethertype = parse_prefix(text if "/" in text else "")
    except BadRequest:
        raise BadRequest(f"Invalid CIDR {str(given)[:60]}.") from None
    address, length = prefix.rsplit("/", 1)
    if length == "0" and prefix != ANYWHERE[ethertype]:
        raise BadRequest(f"Bad prefix for network in cidr {address}/0")
    return prefix, ethertype


def _protocol(given: object) -> str | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str) or given.lower() not in PROTOCOLS:
        raise BadRequest(f"Invalid IP protocol {str(given)[:60]}.")
    return given.lower()


def _ports(
    protocol: str | None, given_first: object, given_last: object, group_id: str | None
) -> tuple[int, int]:
    if given_first is None and given_last is None and group_id is not None:
        return ALL[protocol] if protocol else (ANY, ANY)
    if given_first is None or given_last is None:
        raise BadRequest("Not enough parameters to build a valid rule.")
    first, last = _number(protocol, given_first), _number(protocol, given_last)
    if protocol is None:
        if group_id is None or (first, last) != (ANY, ANY):
            raise BadRequest("Not enough parameters to build a valid rule.")
    elif protocol == "icmp":
        if not (-1 <= first <= 255 and -1 <= last <= 255):
            raise _bad_range(first, last, "For ICMP, the type:code must be valid")
    elif first > last:
        raise _bad_range(first, last, "Former value cannot be greater than the later")
    elif first < 1 or last > 65535:
        what = f"Valid {protocol.upper()} ports should be between 1-65535"
        raise _bad_range(first, last, what)
    return first, last


def _number(protocol: str | None, given: object) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and NUMBER.fullmatch(given):
        return int(given)
    what = "Type and Code" if protocol == "icmp" else "To and From ports"
    rest = " for ICMP protocol type" if protocol == "icmp" else ""
    raise BadRequest(f"Invalid input received: {what} must be integers{rest}")


def _bad_range(first: int, last: int, why: str) -> BadRequest:
    return BadRequest(f"Invalid port range {first}:{last}. {why}")
