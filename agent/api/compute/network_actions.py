# SPDX-License-Identifier: Apache-2.0
"""Actions of a server that concern its network: addresses and security groups."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from flask import Response
from jsonschema import Draft202012Validator

from agent.api.compute.server_parse import parse_address
from agent.api.context import asking, caller, cloud
from agent.api.parse import check, parse_uuid
from agent.api.replies import empty
from agent.errors import BadRequest
from agent.model.network import NicRequest


def _schema(action: str, field: str, *optional: str) -> Draft202012Validator:
    text = {"type": "string", "minLength": 1, "maxLength": 255}
    value = {
        "type": "object",
        "properties": dict.fromkeys((field, *optional), text),
        "required": [field],
        "additionalProperties": False,
    }
    return Draft202012Validator({"type": "object", "properties": {action: value}})


_ADD_ADDRESS = _schema("addFixedIp", "networkId")
_REMOVE_ADDRESS = _schema("removeFixedIp", "address")
_ADD_FLOATING_IP = _schema("addFloatingIp", "address", "fixed_address")
_REMOVE_FLOATING_IP = _schema("removeFloatingIp", "address")
_ADD_GROUP = _schema("addSecurityGroup", "name")
_REMOVE_GROUP = _schema("removeSecurityGroup", "name")


def _add_fixed_ip(server_id: str, body: dict[str, Any]) -> Response:
    """Give the server an address more: an interface of its own, as ports have one address."""
    check(_ADD_ADDRESS, body)
    network_id = parse_uuid(body["addFixedIp"]["networkId"])
    if network_id is None:
        raise BadRequest("networkId: must be the id of a network.")
    cloud().interfaces.attach(asking(), server_id, NicRequest(network_id))
    return empty(202)


def _remove_fixed_ip(server_id: str, body: dict[str, Any]) -> Response:
    check(_REMOVE_ADDRESS, body)
    cloud().interfaces.detach_address(asking(), server_id, body["removeFixedIp"]["address"])
    return empty(202)


def _add_floating_ip(server_id: str, body: dict[str, Any]) -> Response:
    check(_ADD_FLOATING_IP, body)
    asked = body["addFloatingIp"]
    ip = parse_address(asked, "address", IPv4Address)
    fixed_ip = parse_address(asked, "fixed_address", IPv4Address) or None
    cloud().floating_ips.add_to_server(caller(), server_id, ip, fixed_ip)
    return empty(202)


def _remove_floating_ip(server_id: str, body: dict[str, Any]) -> Response:
    check(_REMOVE_FLOATING_IP, body)
    ip = parse_address(body["removeFloatingIp"], "address", IPv4Address)
    cloud().floating_ips.remove_from_server(caller(), server_id, ip)
    return empty(202)


def _add_group(server_id: str, body: dict[str, Any]) -> Response:
    check(_ADD_GROUP, body)
    name = body["addSecurityGroup"]["name"]
    cloud().security_groups.add_to_server(asking(), server_id, name)
    return empty(202)


def _remove_group(server_id: str, body: dict[str, Any]) -> Response:
    check(_REMOVE_GROUP, body)
    name = body["removeSecurityGroup"]["name"]
    cloud().security_groups.remove_from_server(asking(), server_id, name)
    return empty(202)


ANSWERS = {
    "addFixedIp": _add_fixed_ip,
    "removeFixedIp": _remove_fixed_ip,
    "addFloatingIp": _add_floating_ip,
    "removeFloatingIp": _remove_floating_ip,
    "addSecurityGroup": _add_group,
    "removeSecurityGroup": _remove_group,
}
