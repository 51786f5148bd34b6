# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/os-volume_attachments: there are no volumes, so none is attached."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api.context import asking, cloud
from agent.errors import BadRequest

routes = Blueprint("volume_attachments", __name__)

PATH = "/servers/<server_id>/os-volume_attachments"


@routes.get(PATH)
def list_attachments(server_id: str) -> Response:
    """List a server's volumes: none."""
    cloud().compute.get_server(asking(), server_id)
    return jsonify(volumeAttachments=[])


@routes.post(PATH)
def attach(server_id: str) -> Response:
    """Refuse to attach a volume: `BadRequest` says why."""
    cloud().compute.get_server(asking(), server_id)
    raise BadRequest("volumeAttachment: this cloud has no volumes; a server has its root disk.")
