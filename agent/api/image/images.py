# SPDX-License-Identifier: Apache-2.0
"""/images: register, list, show, update, switch on and off, tag, delete."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from agent.api.body import json_body, json_of_type
from agent.api.context import base_url, caller, cloud
from agent.api.image.attributes import MAX_TEXT
from agent.api.image.image_parse import IMAGE_SCHEMA, parse_image
from agent.api.image.image_query import parse_query
from agent.api.image.patch_parse import PATCH_2_0, PATCH_2_1, parse_patch
from agent.api.image.views import image_view
from agent.api.replies import empty
from agent.errors import BadRequest
from agent.importing import METHODS

routes = Blueprint("images", __name__)


@routes.post("/images", strict_slashes=True)  # `images/` is an image without an id: not found
def create() -> Response:
    """Register an image that waits for its bytes."""
    image = cloud().imaging.create(caller(), parse_image(json_body(IMAGE_SCHEMA)))
    response = jsonify(image_view(image))
    response.status_code = 201
    response.headers["Location"] = f"{base_url()}/image/v2/images/{image.id}"
    response.headers["OpenStack-image-import-methods"] = ",".join(METHODS)
    return response


@routes.get("/images", strict_slashes=True)
def list_images() -> Response:
    """List the images that the caller sees, newest first unless it wants another order."""
    query = parse_query(request.args)
    images = cloud().imaging.list_images(caller(), query)
    body: dict[str, Any] = {
        "images": [image_view(image) for image in images],
        "first": _page_url(),
        "schema": "/v2/schemas/images",
    }
    if images and len(images) == query.limit:
        body["next"] = _page_url(("marker", images[-1].id))
    return jsonify(body)


@routes.get("/images/<image_id>")
def show(image_id: str) -> Response:
    """Show one image."""
    return jsonify(image_view(cloud().imaging.get(caller(), image_id)))


@routes.patch("/images/<image_id>")
def update(image_id: str) -> Response:
    """Change an image by a JSON patch: all of it, or nothing."""
    edits = parse_patch(json_of_type(PATCH_2_1, PATCH_2_0), request.mimetype)
    return jsonify(image_view(cloud().image_edits.patch(caller(), image_id, edits)))


@routes.delete("/images/<image_id>")
def delete(image_id: str) -> Response:
    """Delete an image."""
    cloud().imaging.delete(caller(), image_id)
    return empty(204)


@routes.post("/images/<image_id>/actions/deactivate")
def deactivate(image_id: str) -> Response:
    """Keep an image's data from everybody but administrators."""
    cloud().image_edits.deactivate(caller(), image_id)
    return empty(204)


@routes.post("/images/<image_id>/actions/reactivate")
def reactivate(image_id: str) -> Response:
    """Give an image's data out again."""
    cloud().image_edits.reactivate(caller(), image_id)
    return empty(204)


@routes.put("/images/<image_id>/tags/<tag>")
def add_tag(image_id: str, tag: str) -> Response:
    """Tag an image."""
    if len(tag) > MAX_TEXT:
        raise BadRequest(f"tag: must have at most {MAX_TEXT} characters.")
    cloud().image_edits.add_tag(caller(), image_id, tag)
    return empty(204)


@routes.delete("/images/<image_id>/tags/<tag>")
def remove_tag(image_id: str, tag: str) -> Response:
    """Take a tag from an image."""
    cloud().image_edits.remove_tag(caller(), image_id, tag)
    return empty(204)


def _page_url(*more: tuple[str, str]) -> str:
    """Make the path of a page of the same list."""
    kept = [pair for pair in request.args.items(multi=True) if pair[0] != "marker"]
    query = [*kept, *more]
    return "/v2/images" + (f"?{urlencode(query)}" if query else "")
