# SPDX-License-Identifier: Apache-2.0
"""Version documents of the Networking API."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api.context import base_url

routes = Blueprint("network_versions", __name__, url_prefix="/network")

RESOURCES = (("network", "networks"), ("subnet", "subnets"), ("port", "ports"))


@routes.get("")
def list_versions() -> Response:
    """Name the one version."""
    links = [{"rel": "self", "href": f"{base_url()}/network/v2.0/"}]
    return jsonify(versions=[{"id": "v2.0", "status": "CURRENT", "links": links}])


@routes.get("/v2.0")
def show_version() -> Response:
    """Name the resources of version 2.0."""
    root = f"{base_url()}/network/v2.0"
    resources = [
        {
            "name": name,
            "collection": collection,
            "links": [{"rel": "self", "href": f"{root}/{collection}"}],
        }
        for name, collection in RESOURCES
    ]
    return jsonify(resources=resources)
