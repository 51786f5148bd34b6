# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/metadata: a server's metadata, as a whole and pair by pair."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api.body import json_body
from agent.api.compute.metadata_parse import (
    ITEM_SCHEMA,
    METADATA_SCHEMA,
    parse_item,
    parse_metadata,
)
from agent.api.context import asking, cloud
from agent.api.replies import empty

routes = Blueprint("server_metadata", __name__)


@routes.get("/servers/<server_id>/metadata")
def show_all(server_id: str) -> Response:
    """Show all pairs."""
    return jsonify(metadata=dict(cloud().records.get_metadata(asking(), server_id)))


@routes.post("/servers/<server_id>/metadata")
def add(server_id: str) -> Response:
    """Set some pairs and leave the others."""
    asked = parse_metadata(json_body(METADATA_SCHEMA)["metadata"])
    return jsonify(metadata=dict(cloud().records.add_metadata(asking(), server_id, asked)))


@routes.put("/servers/<server_id>/metadata")
def replace(server_id: str) -> Response:
    """Set all pairs: those that are not named go."""
    asked = parse_metadata(json_body(METADATA_SCHEMA)["metadata"])
    return jsonify(metadata=dict(cloud().records.replace_metadata(asking(), server_id, asked)))


@routes.get("/servers/<server_id>/metadata/<key>")
def show(server_id: str, key: str) -> Response:
    """Show one pair."""
    return jsonify(meta={key: cloud().records.get_metadata_item(asking(), server_id, key)})


@routes.put("/servers/<server_id>/metadata/<key>")
def put(server_id: str, key: str) -> Response:
    """Set one pair."""
    item = parse_item(json_body(ITEM_SCHEMA), key)
    cloud().records.add_metadata(asking(), server_id, item)
    return jsonify(meta=dict(item))


@routes.delete("/servers/<server_id>/metadata/<key>")
def delete(server_id: str, key: str) -> Response:
    """Remove one pair."""
    cloud().records.delete_metadata_item(asking(), server_id, key)
    return empty(204)
