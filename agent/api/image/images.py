# SPDX-License-Identifier: Apache-2.0
"""/images: register, list, show, delete."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from agent.api.body import json_body
from agent.api.context import base_url, caller, cloud
from agent.api.image.image_parse import IMAGE_SCHEMA, parse_image
from agent.api.image.views import image_view
from agent.api.parse import parse_count
from agent.api.replies import empty

routes = Blueprint("images", __name__)

DEFAULT_LIMIT = 25
MAX_LIMIT = 1000


@routes.post("/images")
def create() -> Response:
    """Register an image that waits for its bytes."""
    asked = parse_image(
        json_body(IMAGE_SCHEMA),
        project_id=caller().project.id,
        max_properties=cloud().config.limits.image_metadata,
    )
    image = cloud().imaging.create(caller(), asked)
    response = jsonify(image_view(image))
    response.status_code = 201
    response.headers["Location"] = f"{base_url()}/image/v2/images/{image.id}"
    return response


@routes.get("/images")
def list_images() -> Response:
    """List the images that the caller sees, newest first."""
    args = request.args
    limit = parse_count("limit", args["limit"]) if "limit" in args else DEFAULT_LIMIT
    limit = min(limit, MAX_LIMIT)
    images = cloud().imaging.list_images(
        caller(),
        name=_one_of_in("name"),
        status=args.get("status"),
        visibility=_visibility(),
        ids=_ids(),
        limit=limit,
        marker=args.get("marker"),
    )
    body: dict[str, Any] = {
        "images": [image_view(image) for image in images],
        "first": _page_url(),
        "schema": "/v2/schemas/images",
    }
    if images and len(images) == limit:
        body["next"] = _page_url(marker=images[-1].id)
    return jsonify(body)


@routes.get("/images/<image_id>")
def show(image_id: str) -> Response:
    """Show one image."""
    return jsonify(image_view(cloud().imaging.get(caller(), image_id)))


@routes.delete("/images/<image_id>")
def delete(image_id: str) -> Response:
    """Delete an image."""
    cloud().imaging.delete(caller(), image_id)
    return empty(204)


def _visibility() -> str | None:
    asked = request.args.get("visibility")
    return None if asked == "all" else asked


def _one_of_in(field: str) -> str | None:
    """Read a filter that may be written "in:value"."""
    asked = request.args.get(field)
    return asked.removeprefix("in:").strip('"') if asked is not None else None


def _ids() -> list[str] | None:
    asked = request.args.get("id")
    return asked.removeprefix("in:").split(",") if asked is not None else None


def _page_url(**changes: str) -> str:
    """Make the path of a page of the same list."""
    query = {name: value for name, value in request.args.items() if name != "marker"} | changes
    return "/v2/images" + (f"?{urlencode(query)}" if query else "")
