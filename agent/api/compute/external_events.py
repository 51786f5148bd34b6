# SPDX-License-Identifier: Apache-2.0
"""/os-server-external-events: what a network service tells of its ports; for administrators.

Here the networks are part of the same process, so there is nothing to learn from such an event: it
is checked and answered. Events of volumes, bare metal and accelerators are refused.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.context import asking, cloud
from agent.api.parse import parse_uuid
from agent.errors import BadRequest, NotFound

routes = Blueprint("external_events", __name__)

MOST_EVENTS = 1000

_EVENT = {
    "type": "object",
    "properties": {
        "name": {
            "enum": [
                "network-changed",
                "network-vif-plugged",
                "network-vif-unplugged",
                "network-vif-deleted",
            ]
        },
        "server_uuid": {"type": "string"},
        "status": {"enum": ["failed", "completed", "in-progress"]},
        "tag": {"type": "string", "maxLength": 255},
    },
    "required": ["name", "server_uuid"],
    "additionalProperties": False,
}

EVENTS_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "events": {"type": "array", "minItems": 1, "maxItems": MOST_EVENTS, "items": _EVENT}
        },
        "required": ["events"],
        "additionalProperties": False,
    }
)

NEED_A_TAG = "network-vif-deleted"


@routes.post("/os-server-external-events")
def create() -> Response:
    """Take events, each with a code of its own; 207 when one of them has failed."""
    answered = [_answered(event) for event in json_body(EVENTS_SCHEMA)["events"]]
    response = jsonify(events=answered)
    response.status_code = 200 if all(event["code"] == 200 for event in answered) else 207
    return response


def _answered(event: dict[str, Any]) -> dict[str, Any]:
    code = _code(event)
    return {**event, "status": "completed" if code == 200 else "failed", "code": code}


def _code(event: dict[str, Any]) -> int:
    server_id = parse_uuid(event["server_uuid"])
    if server_id is None:
        raise BadRequest("events.server_uuid: must be a uuid.")
    try:
        server = cloud().compute.get_server(asking(), server_id)
    except NotFound:
        return 404
    if event["name"] == NEED_A_TAG and "tag" not in event:
        return 400
    return 200 if server.host else 422
