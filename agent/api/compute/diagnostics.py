# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/diagnostics: a running guest's counters, as libvirt counts them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api import changes
from agent.api.compute.diagnostics_views import classic_view, standard_view
from agent.api.context import asking, cloud, end_turn, version

routes = Blueprint("diagnostics", __name__)


@routes.get("/servers/<server_id>/diagnostics")
def show(server_id: str) -> Response:
    """Show the counters, to administrators."""
    end_turn()
    server, found = cloud().compute.diagnostics(asking(), server_id)
    if version().has(changes.DIAGNOSTICS):
        return jsonify(standard_view(found, server, cloud().compute.now()))
    return jsonify(classic_view(found))
