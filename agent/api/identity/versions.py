# SPDX-License-Identifier: Apache-2.0
"""Version documents of the Identity API: where a client's discovery begins."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import base_url

routes = Blueprint("identity_versions", __name__, url_prefix="/identity")


@routes.get("")
def list_versions() -> Response:
    """Name the one version."""
    response = jsonify(versions={"values": [version_view(base_url())]})
    response.status_code = 300
    response.headers["Location"] = f"{base_url()}/identity/v3/"
    return response


@routes.get("/v3")
def show_version() -> Response:
    """Describe version 3."""
    return jsonify(version=version_view(base_url()))


def version_view(base: str) -> dict[str, Any]:
    """Describe version 3."""
    kind = "application/vnd.openstack.identity-v3+json"
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{base}/identity/v3/"}],
        "media-types": [{"base": "application/json", "type": kind}],
    }
