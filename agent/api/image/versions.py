# SPDX-License-Identifier: Apache-2.0
"""Version documents of the Image API."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import base_url

routes = Blueprint("image_versions", __name__, url_prefix="/image")

CURRENT, *SUPPORTED = ("v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0")


@routes.get("")
def offer_versions() -> Response:
    """Name the versions, for a client to choose."""
    response = list_versions()
    response.status_code = 300
    return response


@routes.get("/versions")
def list_versions() -> Response:
    """Name the versions, the current one first."""
    views = [_view(CURRENT, "CURRENT"), *(_view(version, "SUPPORTED") for version in SUPPORTED)]
    return jsonify(versions=views)


def _view(version: str, status: str) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{base_url()}/image/v2/"}]
    return {"id": version, "status": status, "links": links}
