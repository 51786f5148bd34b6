# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/tags: words that users put on a server, to find it by."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.compute.server_schemas import MAX_TAGS, TAG, TAGS
from agent.api.context import asking, base_url, cloud
from agent.api.replies import empty
from agent.api.schemas import body_of
from agent.errors import BadRequest

routes = Blueprint("server_tags", __name__)

_TAGS = body_of("tags", TAGS)
_TAG = Draft202012Validator(TAG)


@routes.get("/servers/<server_id>/tags")
def show_all(server_id: str) -> Response:
    """Show all tags."""
    return jsonify(tags=list(cloud().records.get_tags(asking(), server_id)))


@routes.put("/servers/<server_id>/tags")
def replace(server_id: str) -> Response:
    """Set all tags: those that are not named go."""
    tags = json_body(_TAGS)["tags"]
    return jsonify(tags=list(cloud().records.replace_tags(asking(), server_id, tags)))


@routes.delete("/servers/<server_id>/tags")
def delete_all(server_id: str) -> Response:
    """Remove all tags."""
    cloud().records.replace_tags(asking(), server_id, ())
    return empty(204)


@routes.get("/servers/<server_id>/tags/<tag>")
def show(server_id: str, tag: str) -> Response:
    """Say whether there is this tag: 204, or 404."""
    cloud().records.check_tag(asking(), server_id, tag)
    return empty(204)


@routes.put("/servers/<server_id>/tags/<tag>")
def add(server_id: str, tag: str) -> Response:
    """Add one tag: 201, or 204 when it is there."""
    if not _TAG.is_valid(tag):
        raise BadRequest(f"Tag '{tag[:60]}' is invalid: it must be {TAG['description']}.")
    if request.content_length and request.get_data(as_text=True).strip() != "null":
        raise BadRequest("The request must have no body: the tag stands in its path.")
    is_new = cloud().records.add_tag(asking(), server_id, tag, MAX_TAGS)
    response = empty(201 if is_new else 204)
    if is_new:
        path = f"servers/{server_id}/tags/{tag}"
        response.headers["Location"] = f"{base_url()}/compute/v2.1/{path}"
    return response


@routes.delete("/servers/<server_id>/tags/<tag>")
def delete(server_id: str, tag: str) -> Response:
    """Remove one tag."""
    cloud().records.delete_tag(asking(), server_id, tag)
    return empty(204)
