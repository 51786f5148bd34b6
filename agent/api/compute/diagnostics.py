# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/diagnostics: a running guest's counters, as libvirt counts them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api.context import asking, cloud

routes = Blueprint("diagnostics", __name__)


@routes.get("/servers/<server_id>/diagnostics")
def show(server_id: str) -> Response:
    """Show the counters, to administrators."""
    return jsonify(dict(cloud().compute.diagnostics(asking(), server_id)))
