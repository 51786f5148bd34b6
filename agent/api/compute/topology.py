# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/topology: the NUMA nodes of a guest. No guest of this cloud has any of its own."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api.context import asking, cloud

routes = Blueprint("topology", __name__)


@routes.get("/servers/<server_id>/topology")
def show(server_id: str) -> Response:
    """Show, as the standard does of a guest without NUMA nodes and huge pages, that it has none."""
    cloud().compute.get_server(asking(), server_id)
    return jsonify(nodes=[], pagesize_kb=None)
