# SPDX-License-Identifier: Apache-2.0
"""/floatingips: a second address for a server's port, which the host leads to it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.body import json_body
from agent.api.context import caller, cloud
from agent.api.network import floating_parse as parse
from agent.api.network.parse import changes_of
from agent.api.network.query import list_views, show_view
from agent.api.network.views import floating_ip_view
from agent.api.replies import created, empty
from agent.model.floating import FloatingIp

routes = Blueprint("network_floating", __name__)


@routes.get("/floatingips")
def list_floating_ips() -> Response:
    """List the floating addresses of the caller's project."""
    return list_views("floatingips", map(_view, cloud().floating_ips.list(caller())))


@routes.post("/floatingips")
def create_floating_ip() -> Response:
    """Take a floating address, and lead it to a port if one is named."""
    asked = parse.parse_floating_ip(json_body(parse.FLOATING_IP)["floatingip"])
    return created("floatingip", _view(cloud().floating_ips.create(caller(), asked)))


@routes.get("/floatingips/<floating_ip_id>")
def show_floating_ip(floating_ip_id: str) -> Response:
    """Show one floating address."""
    return show_view("floatingip", _view(cloud().floating_ips.get(caller(), floating_ip_id)))


@routes.put("/floatingips/<floating_ip_id>")
def update_floating_ip(floating_ip_id: str) -> Response:
    """Lead a floating address to a port, or nowhere; what is not named stays."""
    asked = json_body(parse.FLOATING_IP_CHANGE)["floatingip"]
    fields = changes_of(asked, "port_id", "description")
    changed = cloud().floating_ips.update(
        caller(), floating_ip_id, fixed_ip=parse.fixed_ip_of(asked), **fields
    )
    return jsonify(floatingip=_view(changed))


@routes.delete("/floatingips/<floating_ip_id>")
def delete_floating_ip(floating_ip_id: str) -> Response:
    """Give a floating address back."""
    cloud().floating_ips.delete(caller(), floating_ip_id)
    return empty(204)


def _view(floating_ip: FloatingIp) -> dict[str, Any]:
    external = cloud().networking.external
    return floating_ip_view(
        floating_ip,
        external.id if external else "",
        is_active=cloud().floating_ips.is_active(floating_ip),
    )
