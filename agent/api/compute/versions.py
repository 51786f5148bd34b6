# SPDX-License-Identifier: Apache-2.0
"""Version documents of the Compute API: read without a token."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import base_url, cloud
from agent.api.microversion import MINIMUM

routes = Blueprint("compute_versions", __name__, url_prefix="/compute")


@routes.get("")
def list_versions() -> Response:
    """Name the versions, the old one first: clients take the last."""
    return jsonify(
        versions=[v20_view(base_url()), v21_view(base_url(), cloud().config.max_microversion)]
    )


@routes.get("/v2")
def show_v20() -> Response:
    """Describe version 2.0, which is named for old clients and not served."""
    return jsonify(version=_with_media(v20_view(base_url()), "2"))


@routes.get("/v2.1")
def show_v21() -> Response:
    """Describe version 2.1 with its range of microversions."""
    return jsonify(
        version=_with_media(v21_view(base_url(), cloud().config.max_microversion), "2.1")
    )


def v20_view(base: str) -> dict[str, Any]:
    """Describe version 2.0."""
    return {
        "id": "v2.0",
        "links": [{"href": f"{base}/compute/v2/", "rel": "self"}],
        "status": "DEPRECATED",
        "version": "",
        "min_version": "",
        "updated": "2011-01-21T11:33:21Z",
    }


def v21_view(base: str, maximum: str) -> dict[str, Any]:
    """Describe version 2.1 with the microversions up to `maximum`."""
    return {
        "id": "v2.1",
        "links": [{"href": f"{base}/compute/v2.1/", "rel": "self"}],
        "status": "CURRENT",
        "version": maximum,
        "min_version": str(MINIMUM),
        "updated": "2013-07-23T11:33:21Z",
    }


def _with_media(version: dict[str, Any], number: str) -> dict[str, Any]:
    kind = f"application/vnd.openstack.compute+json;version={number}"
    described_by = {
        "href": "https://docs.openstack.org/",
        "rel": "describedby",
        "type": "text/html",
    }
    return {
        **version,
        "links": [*version["links"], described_by],
        "media-types": [{"base": "application/json", "type": kind}],
    }
