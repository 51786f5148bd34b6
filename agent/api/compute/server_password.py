# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/os-server-password: the password that a guest made up and gave its cloud to keep.

A guest posts it, encrypted with the server's key, to the metadata service, as cloudbase-init does.
This cloud has a config drive instead, to which no guest can write: so there never is one, which is
what the standard answers with an empty text. `adminPass` is another password, and not kept either.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api.context import asking, cloud
from agent.api.replies import empty

routes = Blueprint("server_password", __name__)


@routes.get("/servers/<server_id>/os-server-password")
def show(server_id: str) -> Response:
    """Show that no guest has given one."""
    cloud().compute.get_server(asking(), server_id)
    return jsonify(password="")


@routes.delete("/servers/<server_id>/os-server-password")
def clear(server_id: str) -> Response:
    """Forget it: there is nothing to forget."""
    cloud().compute.get_server(asking(), server_id)
    return empty(204)
