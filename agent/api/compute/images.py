# SPDX-License-Identifier: Apache-2.0
"""/images and their metadata: what the Compute API said of images, for clients that still ask it.

It is the Image API's doing all the same; here stands only its older shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from agent.api.body import json_body
from agent.api.compute.capture_parse import check_values
from agent.api.compute.image_query import parse_query
from agent.api.compute.image_views import brief_view, image_view
from agent.api.compute.metadata_parse import ITEM_SCHEMA, METADATA_SCHEMA
from agent.api.compute.paging import next_links, parse_page
from agent.api.context import base_url, caller, cloud
from agent.api.replies import empty
from agent.errors import BadRequest, NotFound
from agent.model.image import Image

routes = Blueprint("compute_images", __name__)


@routes.get("/images", strict_slashes=True)  # `images/` is an image without an id: not found
def list_brief() -> Response:
    """List the images that the caller sees by id and name."""
    return _list("/images", lambda image: brief_view(image, base_url()))


@routes.get("/images/detail")
def list_detail() -> Response:
    """List the images that the caller sees with all that is shown of one."""
    return _list("/images/detail", lambda image: image_view(image, base_url()))


@routes.get("/images/<image_id>")
def show(image_id: str) -> Response:
    """Show one image."""
    return jsonify(image=image_view(cloud().imaging.get(caller(), image_id), base_url()))


@routes.delete("/images/<image_id>")
def delete(image_id: str) -> Response:
    """Delete an image."""
    cloud().imaging.delete(caller(), image_id)
    return empty(204)


@routes.get("/images/<image_id>/metadata")
def show_metadata(image_id: str) -> Response:
    """Show all of an image's properties."""
    return jsonify(metadata=dict(cloud().imaging.get(caller(), image_id).properties))


@routes.post("/images/<image_id>/metadata")
def add_metadata(image_id: str) -> Response:
    """Set some properties and leave the others."""
    asked = check_values(json_body(METADATA_SCHEMA)["metadata"])
    return jsonify(metadata=dict(cloud().image_edits.add_properties(caller(), image_id, asked)))


@routes.put("/images/<image_id>/metadata")
def replace_metadata(image_id: str) -> Response:
    """Set all properties: those that are not named go."""
    asked = check_values(json_body(METADATA_SCHEMA)["metadata"])
    set_now = cloud().image_edits.replace_properties(caller(), image_id, asked)
    return jsonify(metadata=dict(set_now))


@routes.get("/images/<image_id>/metadata/<key>")
def show_item(image_id: str, key: str) -> Response:
    """Show one property."""
    properties = cloud().imaging.get(caller(), image_id).properties
    if key not in properties:
        raise NotFound("Metadata item was not found")
    return jsonify(meta={key: properties[key]})


@routes.put("/images/<image_id>/metadata/<key>")
def put_item(image_id: str, key: str) -> Response:
    """Set one property."""
    asked = check_values(json_body(ITEM_SCHEMA)["meta"], "meta")
    if key not in asked:
        raise BadRequest("meta: Request body and URI mismatch")
    cloud().image_edits.add_properties(caller(), image_id, asked)
    return jsonify(meta=dict(asked))


@routes.delete("/images/<image_id>/metadata/<key>")
def delete_item(image_id: str, key: str) -> Response:
    """Remove one property."""
    cloud().image_edits.remove_property(caller(), image_id, key)
    return empty(204)


def _list(path: str, view: Callable[[Image], dict[str, Any]]) -> Response:
    page = parse_page(request.args)
    query = parse_query(request.args, page)
    images = cloud().imaging.list_images(caller(), query) if page.limit else ()
    body: dict[str, Any] = {"images": [view(image) for image in images]}
    if images and len(images) == page.limit:
        url = f"{base_url()}/compute/v2.1{path}"
        body["images_links"] = next_links(url, request.args, page, images[-1].id)
    return jsonify(body)
