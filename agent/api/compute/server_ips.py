# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/ips: the addresses of a server alone."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api.compute.server_views import addresses_view
from agent.api.context import asking, cloud
from agent.errors import NotFound

routes = Blueprint("server_ips", __name__)


@routes.get("/servers/<server_id>/ips")
def show_all(server_id: str) -> Response:
    """Show the addresses on all networks."""
    server = cloud().compute.get_server(asking(), server_id)
    return jsonify(addresses=addresses_view(server.nics))


@routes.get("/servers/<server_id>/ips/<label>")
def show(server_id: str, label: str) -> Response:
    """Show the addresses on the network of this name."""
    addresses = addresses_view(cloud().compute.get_server(asking(), server_id).nics)
    if label not in addresses:
        raise NotFound("Instance is not a member of specified network")
    return jsonify({label: addresses[label]})
