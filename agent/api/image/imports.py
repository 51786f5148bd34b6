# SPDX-License-Identifier: Apache-2.0
"""/images/ID/import and /info/import: an image's bytes, fetched by this cloud from a URL."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.context import asking, cloud
from agent.api.replies import empty
from agent.errors import BadRequest, Conflict
from agent.importing import METHODS

routes = Blueprint("image_imports", __name__)

IMPORT_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "required": ["method"],
        "properties": {
            "method": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "uri": {"type": "string"}},
            },
            "all_stores": {"type": "boolean"},  # there is one, so all are that one
            "all_stores_must_succeed": {"type": "boolean"},
            "stores": {"type": "array", "items": {"type": "string"}},
        },
        "additionalProperties": False,
    }
)


@routes.post("/images/<image_id>/import")
def begin(image_id: str) -> Response:
    """Begin to import an image; how it goes, its status and its tasks tell."""
    body = json_body(IMPORT_SCHEMA)
    method = body["method"]
    if method["name"] not in METHODS:
        raise BadRequest(f"method: only {' and '.join(METHODS)} is served here.")
    unknown = sorted(set(method) - {"name", "uri"})
    if "uri" not in method or unknown:
        raise BadRequest(f"method: {method['name']} takes a uri and nothing else.")
    if body.get("stores") or "X-Image-Meta-Store" in request.headers:
        raise Conflict("stores: there is one store here, and it has no name. Leave it out.")
    cloud().importing.begin(asking(), image_id, method["uri"], body)
    return empty(202)


@routes.get("/info/import")
def show_methods() -> Response:
    """Name the ways in which images can be imported."""
    methods = {"description": "Import methods available.", "type": "array", "value": list(METHODS)}
    return jsonify({"import-methods": methods})
