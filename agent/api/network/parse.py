# SPDX-License-Identifier: Apache-2.0
"""Bodies that make or change networks, subnets and ports, checked field by field. Pure.

What the standard has and this cloud does not enforce may only be given as what it is anyway: a
client that asked for more must not believe it got it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from jsonschema import Draft202012Validator

from agent.api.parse import parse_uuid
from agent.errors import BadRequest
from agent.model.network import PortRequest, Subnet
from agent.networkedits import NewSubnet

TEXT = {"type": "string", "maxLength": 255}
_FLAG = {"type": "boolean"}
_PROJECT = {"type": "string", "minLength": 1, "maxLength": 64}
_ADDRESS = {"type": "string", "maxLength": 45}
_NAMED = {"name": TEXT, "description": TEXT}
OWNED = {**_NAMED, "tenant_id": _PROJECT, "project_id": _PROJECT}

AS_IT_IS: Mapping[str, tuple[Sequence[object], str]] = {
    "admin_state_up": ((True,), "it can't be switched off"),
    "router:external": (
        (False,),
        "the external network is network.floating_pool of the configuration",
    ),
    "port_security_enabled": (
        (True,),
        "a port is always filtered by its security groups: give it one that lets all pass",
    ),
    "stateful": ((True,), "groups are stateful: the answers to what passes pass too"),
    "remote_address_group_id": ((None,), "there are no address groups: give a remote_ip_prefix"),
    "mtu": ((1500,), "it is 1500"),
    "availability_zone_hints": (([],), "there is one host"),
    "subnet_id": ((None,), "floating IPs are of one pool"),
    "distributed": ((None,), "there is one host"),
    "dns_domain": (("",), "this cloud keeps no names"),
    "dns_name": (("",), "this cloud keeps no names"),
    "qos_policy_id": ((None,), "this cloud limits no traffic"),
    "vlan_transparent": ((None, False), "this cloud has no VLANs"),
    "is_default": ((False,), "this cloud makes no network by itself"),
    "ip_version": ((4, "4"), "subnets are IPv4"),
    "host_routes": (([],), "no routes are given to guests"),
    "service_types": (([],), "a subnet serves all ports"),
    "subnetpool_id": ((None,), "there are no subnet pools: give a cidr"),
    "use_default_subnetpool": ((False,), "there are no subnet pools: give a cidr"),
    "ipv6_address_mode": ((None,), "subnets are IPv4"),
    "ipv6_ra_mode": ((None,), "subnets are IPv4"),
    "device_id": (("",), "a port is given to a server by the Compute API"),
    "device_owner": (("",), "a port is given to a server by the Compute API"),
    "allowed_address_pairs": (([],), "a port has no addresses but its own"),
    "extra_dhcp_opts": (([],), "DHCP has no options of a port"),
    "binding:vnic_type": (("normal",), "ports are of the type normal"),
    "binding:profile": (({},), "there is nothing to bind a port by"),
}
"""Fields that may only say what is so anyway, and why."""


def body_schema(
    kind: str, required: Sequence[str], properties: Mapping[str, Any], *same: str
) -> Draft202012Validator:
    """The schema of a body with one thing: `same` are fields that may say what is so anyway."""
    inner = {
        "type": "object",
        "properties": {**properties, **{name: {} for name in same}},
        "required": list(required),
        "additionalProperties": False,
    }
    return Draft202012Validator(
        {
            "type": "object",
            "properties": {kind: inner},
            "required": [kind],
            "additionalProperties": False,
        }
    )


_OF_NETWORKS = (
    *("admin_state_up", "router:external", "port_security_enabled", "mtu", "qos_policy_id"),
    *("availability_zone_hints", "dns_domain", "vlan_transparent", "is_default"),
)
_OF_SUBNETS = (
    *("host_routes", "service_types", "subnetpool_id", "use_default_subnetpool"),
    *("ipv6_address_mode", "ipv6_ra_mode"),
)
_OF_PORTS = (
    *("admin_state_up", "device_id", "device_owner", "allowed_address_pairs"),
    *("extra_dhcp_opts", "binding:vnic_type", "binding:profile", "port_security_enabled"),
    *("qos_policy_id", "dns_name", "dns_domain"),
)
_POOLS = {
    "type": "array",
    "maxItems": 1,
    "items": {
        "type": "object",
        "properties": {"start": _ADDRESS, "end": _ADDRESS},
        "required": ["start", "end"],
        "additionalProperties": False,
    },
}
_FIXED_IPS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": {
        "type": "object",
        "properties": {"subnet_id": {"type": "string"}, "ip_address": _ADDRESS},
        "additionalProperties": False,
    },
}
_GROUPS = {"security_groups": {"type": ["array", "null"], "maxItems": 100, "items": TEXT}}
_RANGE = {
    "allocation_pools": _POOLS,
    "gateway_ip": {"type": ["string", "null"], "maxLength": 45},
    "enable_dhcp": _FLAG,
    "dns_nameservers": {"type": "array", "maxItems": 5, "items": _ADDRESS},
}

NETWORK = body_schema("network", (), {**OWNED, "shared": _FLAG}, *_OF_NETWORKS)
NETWORK_CHANGE = body_schema("network", (), {**_NAMED, "shared": _FLAG}, *_OF_NETWORKS)
SUBNET = body_schema(
    "subnet",
    ("network_id", "cidr"),
    {**OWNED, **_RANGE, "network_id": TEXT, "cidr": TEXT},
    "ip_version",
    *_OF_SUBNETS,
)
SUBNET_CHANGE = body_schema("subnet", (), {**_NAMED, **_RANGE}, *_OF_SUBNETS)
PORT = body_schema(
    "port",
    ("network_id",),
    {**OWNED, "network_id": TEXT, "mac_address": TEXT, "fixed_ips": _FIXED_IPS, **_GROUPS},
    *_OF_PORTS,
)
PORT_CHANGE = body_schema("port", (), {**_NAMED, **_GROUPS}, *_OF_PORTS)

MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")


def check_as_it_is(asked: Mapping[str, Any]) -> None:
    """Raise `BadRequest` for a field that asks for what this cloud does not do."""
    for name, (values, why) in AS_IT_IS.items():
        if name in asked and not any(_same(asked[name], value) for value in values):
            raise BadRequest(f"{name}: {why}.")


def project_of(asked: Mapping[str, Any]) -> str | None:
    """The project that something is made for; None when none is named."""
    named = {asked[name] for name in ("tenant_id", "project_id") if name in asked}
    if len(named) > 1:
        raise BadRequest("tenant_id and project_id are two names of one field: give one.")
    return str(named.pop()) if named else None


def parse_subnet(asked: Mapping[str, Any]) -> NewSubnet:
    """Read a subnet to be made."""
    check_as_it_is(asked)
    try:
        cidr = IPv4Network(asked["cidr"], strict=False)
    except ValueError as error:
        raise BadRequest("cidr: must be an IPv4 subnet as 10.1.2.0/24.") from error
    pools = asked.get("allocation_pools", [])
    return NewSubnet(
        network_id=asked["network_id"],
        cidr=cidr,
        name=asked.get("name", ""),
        description=asked.get("description", ""),
        gateway=_gateway(asked.get("gateway_ip")),
        has_gateway=asked.get("gateway_ip", "") is not None,
        pool=_pool(pools[0]) if pools else None,
        dns=tuple(
            str(parse_address("dns_nameservers", x)) for x in asked.get("dns_nameservers", [])
        ),
        dhcp=asked.get("enable_dhcp", True),
        project_id=project_of(asked),
    )


def check_range_stays(asked: Mapping[str, Any], subnet: Subnet) -> None:
    """Raise `BadRequest` for a change of addresses: guests have them, and libvirt's DHCP."""
    pools = [{"start": start, "end": end} for start, end in subnet.pools]
    has = {
        "allocation_pools": pools,
        "gateway_ip": subnet.gateway_ip if subnet.has_gateway else None,
        "enable_dhcp": subnet.dhcp,
        "dns_nameservers": list(subnet.dns),
    }
    for name, value in has.items():
        if name in asked and asked[name] != value:
            raise BadRequest(
                f"{name}: it is fixed when the subnet is made: delete the subnet and make it anew."
            )


def parse_port(asked: Mapping[str, Any]) -> PortRequest:
    """Read a port to be made; the ids that it names are looked up elsewhere."""
    check_as_it_is(asked)
    mac = asked.get("mac_address")
    if mac is not None:
        mac = mac.lower().replace("-", ":")
        if not MAC.fullmatch(mac) or mac == "00:00:00:00:00:00":
            raise BadRequest("mac_address: must be a MAC of one host as fa:16:3e:00:11:22.")
    fixed = (asked.get("fixed_ips") or [{}])[0]
    ip = fixed.get("ip_address")
    return PortRequest(
        network_id=asked["network_id"],
        project_id=project_of(asked) or "",
        fixed_ip=None if ip is None else str(parse_address("fixed_ips", ip)),
        mac=mac,
        name=asked.get("name", ""),
        description=asked.get("description", ""),
        security_groups=groups_of(asked),
    )


def groups_of(asked: Mapping[str, Any]) -> Sequence[str] | None:
    """The ids of the security groups that a port is to be in; None when none are named."""
    ids: Sequence[str] | None = asked.get("security_groups")
    for each in ids or ():
        if parse_uuid(each) is None:
            raise BadRequest(
                f"Invalid input for security_groups. Reason: '{each[:60]}' is not a valid UUID."
            )
    return ids


def named_subnet(asked: Mapping[str, Any]) -> str | None:
    """The subnet that a port's address is to be of; None when none is named."""
    subnet_id = (asked.get("fixed_ips") or [{}])[0].get("subnet_id")
    if subnet_id is not None and parse_uuid(subnet_id) is None:
        raise BadRequest("fixed_ips: subnet_id must be a uuid.")
    return None if subnet_id is None else str(subnet_id)


def changes_of(asked: Mapping[str, Any], *names: str) -> dict[str, object]:
    """The fields that a change sets."""
    check_as_it_is(asked)
    return {name: asked[name] for name in names if name in asked}


def _gateway(text: str | None) -> IPv4Address | None:
    return None if text is None else parse_address("gateway_ip", text)


def _pool(pool: Mapping[str, str]) -> tuple[IPv4Address, IPv4Address]:
    start, end = (parse_address("allocation_pools", pool[name]) for name in ("start", "end"))
    return start, end


def parse_address(field: str, text: str) -> IPv4Address:
    """Read an IPv4 address; `BadRequest` names the field."""
    try:
        return IPv4Address(text)
    except AddressValueError as error:
        raise BadRequest(f"{field}: must be an IPv4 address.") from error


def _same(given: object, value: object) -> bool:
    return type(given) is type(value) and given == value
