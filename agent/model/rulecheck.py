# SPDX-License-Identifier: Apache-2.0
"""What a security group's rule may say, in Neutron's words where it refuses. Pure."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from agent.errors import BadRequest
from agent.model.securitygroup import (
    FILTERED,
    HAVE_PORTS,
    HAVE_TYPES,
    IPV4,
    IPV6,
    PROTOCOLS,
    Rule,
)

ANY = ("any", "0")
"""What stands for every protocol."""

_BY_NUMBER = {PROTOCOLS[name]: name for name in FILTERED}


def parse_protocol(given: str | int | None) -> str | None:
    """Read a protocol: a name in letters of any case, a number, or None and what means any.

    `BadRequest` for what is none, and for one that libvirt can't filter by.
    """
    text = "any" if given is None else str(given).lower()
    if text in ANY:
        return None
    is_number = text.isascii() and text.isdigit() and int(text) <= 255
    if not is_number and text not in PROTOCOLS:
        raise BadRequest(
            f"Security group rule protocol {text[:60]} not supported. Only protocol values "
            f"{', '.join(PROTOCOLS)} and integer representations [0 to 255] are supported."
        )
    name = _BY_NUMBER.get(int(text) if is_number else PROTOCOLS[text])
    if name is None:
        raise BadRequest(
            f"protocol: libvirt can't filter by {text}: a rule is for one of "
            f"{', '.join(FILTERED)}, or for any protocol."
        )
    return name


def parse_prefix(given: str) -> tuple[str, str]:
    """Read a network or an address; as CIDR, with its kind: IPV4 or IPV6."""
    try:
        if "%" in given:
            raise ValueError("the name of an interface says nothing here")
        interface = ip_interface(given)
    except ValueError:
        raise BadRequest(f"remote_ip_prefix: '{given[:60]}' is not a valid IP subnet.") from None
    return interface.with_prefixlen, IPV4 if interface.version == 4 else IPV6


def checked(rule: Rule) -> Rule:
    """Give a rule in the form in which it is kept; `BadRequest` when its parts do not fit."""
    if rule.remote_prefix is not None and rule.remote_group_id is not None:
        raise BadRequest("Only remote_ip_prefix or remote_group_id may be provided.")
    if rule.remote_prefix is not None:
        prefix, kind = parse_prefix(rule.remote_prefix)
        if kind != rule.ethertype:
            raise BadRequest(f"Conflicting value ethertype {rule.ethertype} for CIDR {prefix}")
        rule = replace(rule, remote_prefix=prefix)
    protocol = _protocol(rule.protocol, rule.ethertype)
    given = rule.protocol_given if protocol == rule.protocol else None
    rule = replace(rule, protocol=protocol, protocol_given=given)
    _check_ports(rule)
    return rule


def _protocol(protocol: str | None, ethertype: str) -> str | None:
    """ICMP is another protocol for IPv6, though it may be given the same name."""
    if protocol == "icmp" and ethertype == IPV6:
        return "ipv6-icmp"
    if protocol is not None and ethertype not in FILTERED[protocol]:
        raise BadRequest(f"Invalid ethertype {ethertype} for protocol {protocol}.")
    return protocol


def _check_ports(rule: Rule) -> None:
    first, last = rule.port_min, rule.port_max
    if first is None and last is None:
        return
    if rule.protocol is None:
        raise BadRequest("Must also specify protocol if port range is given.")
    if rule.protocol in HAVE_TYPES:
        _check_type(first, last)
    elif rule.protocol in HAVE_PORTS:
        if first is None or last is None or not 1 <= first <= last <= 65535:
            raise BadRequest(
                "For TCP/UDP protocols, port_range_min must be <= port_range_max, both from 1 to "
                "65535."
            )
    else:
        raise BadRequest(
            f"Invalid protocol {rule.protocol} for port range, only supported for TCP, UDP, "
            "UDPLITE and SCTP."
        )


def _check_type(kind: int | None, code: int | None) -> None:
    for value, field, name in (
        (kind, "port_range_min", "type"),
        (code, "port_range_max", "code"),
    ):
        if value is not None and not 0 <= value <= 255:
            raise BadRequest(
                f"Invalid value for ICMP {name} ({field}) {value}. It must be 0 to 255."
            )
    if kind is None:
        raise BadRequest(
            f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is "
            "missing."
        )
