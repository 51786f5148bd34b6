# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/os-interface: the network interfaces of a server."""

from __future__ import annotations

import functools
import ipaddress
from typing import Any

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.body import json_body
from agent.api.compute.server_schemas import TAG
from agent.api.context import asking, cloud, version
from agent.api.microversion import Microversion
from agent.api.parse import parse_uuid
from agent.api.replies import empty
from agent.api.schemas import closed
from agent.errors import BadRequest
from agent.model.network import NicRequest, Port

routes = Blueprint("interfaces", __name__)


@functools.cache
def attach_schema(tags: bool) -> Draft202012Validator:
    """The schema of what is to be attached."""
    address = closed({"ip_address": {"type": "string"}}, ["ip_address"])
    asked: dict[str, Any] = {
        "net_id": {"type": "string"},
        "port_id": {"type": "string"},
        "fixed_ips": {"type": "array", "minItems": 1, "maxItems": 1, "items": address},
        **({"tag": TAG} if tags else {}),
    }
    return Draft202012Validator(closed({"interfaceAttachment": closed(asked)}))


@routes.get("/servers/<server_id>/os-interface")
def list_interfaces(server_id: str) -> Response:
    """List the interfaces of a server."""
    ports = cloud().interfaces.list_ports(asking(), server_id)
    return jsonify(interfaceAttachments=[interface_view(port, version()) for port in ports])


@routes.get("/servers/<server_id>/os-interface/<port_id>")
def show_interface(server_id: str, port_id: str) -> Response:
    """Show one interface of a server."""
    port = cloud().interfaces.get_port(asking(), server_id, port_id)
    return jsonify(interfaceAttachment=interface_view(port, version()))


@routes.post("/servers/<server_id>/os-interface")
def attach(server_id: str) -> Response:
    """Attach an interface to a server; without a body one on its project's network."""
    schema = attach_schema(version().has(changes.ATTACH_TAGS))
    body = json_body(schema) if request.content_length else {}
    nic = parse_attach(body.get("interfaceAttachment", {}))
    port = cloud().interfaces.attach(asking(), server_id, nic)
    return jsonify(interfaceAttachment=interface_view(port, version()))


@routes.delete("/servers/<server_id>/os-interface/<port_id>")
def detach(server_id: str, port_id: str) -> Response:
    """Detach an interface from a server."""
    cloud().interfaces.detach(asking(), server_id, port_id)
    return empty(202)


def parse_attach(asked: dict[str, Any]) -> NicRequest:
    """Read what is to be attached; `BadRequest` names the field."""
    network_id, port_id = (_id(asked, name) for name in ("net_id", "port_id"))
    if network_id and port_id:
        raise BadRequest("Must not input both network_id and port_id")
    fixed_ip = asked["fixed_ips"][0]["ip_address"] if "fixed_ips" in asked else None
    if fixed_ip is not None and not network_id:
        raise BadRequest("Must input network_id when request IP address")
    if fixed_ip is not None:
        try:
            fixed_ip = str(ipaddress.IPv4Address(fixed_ip))
        except ValueError as error:
            raise BadRequest("fixed_ips: ip_address must be an IPv4 address.") from error
    return NicRequest(network_id or "", fixed_ip, port_id, asked.get("tag"))


def interface_view(port: Port, spoken: Microversion) -> dict[str, Any]:
    """Show an interface."""
    view: dict[str, Any] = {
        "net_id": port.network_id,
        "port_id": port.id,
        "mac_addr": port.mac,
        "port_state": "ACTIVE" if port.server_id else "DOWN",
        "fixed_ips": [{"subnet_id": port.subnet_id, "ip_address": port.ip}],
    }
    return {**view, "tag": port.tag} if spoken.has(changes.INTERFACE_TAG) else view


def _id(asked: dict[str, Any], name: str) -> str | None:
    if name not in asked:
        return None
    its_id = parse_uuid(asked[name])
    if its_id is None:
        raise BadRequest(f"{name}: must be a uuid.")
    return its_id
