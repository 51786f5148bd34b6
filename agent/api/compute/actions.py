# SPDX-License-Identifier: Apache-2.0
"""POST /servers/ID/action: one action a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.context import asking, cloud
from agent.api.parse import check
from agent.api.replies import empty
from agent.errors import BadRequest

routes = Blueprint("server_actions", __name__)

_ACTION = Draft202012Validator({"type": "object", "minProperties": 1, "maxProperties": 1})

_CONSOLE = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "os-getConsoleOutput": {
                "type": "object",
                "properties": {
                    "length": {
                        "type": ["integer", "string", "null"],
                        "pattern": r"^-?[0-9]{1,9}\Z",
                        "minimum": -1,
                        "description": "a number of lines, or -1 for all",
                    }
                },
                "additionalProperties": False,
            }
        },
    }
)

PLAIN = {"os-start": "start", "os-stop": "stop"}
"""Actions that have nothing to say but their name, by the rows of the table that they begin."""


@routes.post("/servers/<server_id>/action")
def act(server_id: str) -> Response:
    """Do what the body's only key says."""
    body = json_body(_ACTION)
    name = next(iter(body))
    if name in PLAIN:
        cloud().compute.act(asking(), server_id, PLAIN[name])
        return empty(202)
    answer = _ANSWERS.get(name)
    if answer is None:
        raise BadRequest(f"There is no such action: {name[:60]}")
    return answer(server_id, body)


def _console_output(server_id: str, body: dict[str, Any]) -> Response:
    check(_CONSOLE, body)
    length = body["os-getConsoleOutput"].get("length")
    lines = None if length is None or int(length) < 0 else int(length)
    return jsonify(output=cloud().compute.console_output(asking(), server_id, lines))


_ANSWERS: dict[str, Callable[[str, dict[str, Any]], Response]] = {
    "os-getConsoleOutput": _console_output,
}
"""Actions that answer with something."""
