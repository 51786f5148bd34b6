# SPDX-License-Identifier: Apache-2.0
"""POST /servers/ID/action: one action a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify
from jsonschema import Draft202012Validator

from agent.api import changes, policy
from agent.api.body import json_body
from agent.api.compute import capture_actions, consoles, network_actions, reshaping
from agent.api.context import asking, cloud, version
from agent.api.parse import check, parse_uuid
from agent.api.replies import empty
from agent.errors import BadRequest, Conflict, NotFound

routes = Blueprint("server_actions", __name__)

_ACTION = Draft202012Validator({"type": "object", "minProperties": 1, "maxProperties": 1})

PLAIN = {
    "os-start": "start",
    "os-stop": "stop",
    "pause": "pause",
    "unpause": "unpause",
    "suspend": "suspend",
    "resume": "resume",
    "unrescue": "unrescue",
    "forceDelete": "delete",
    "revertResize": "revertResize",
}
"""Actions that have nothing to say but their name, by the rows of the table that they begin."""

REBOOTS = {"SOFT": "reboot", "HARD": "reboot_hard"}


def _schema(action: str, **properties: Any) -> Draft202012Validator:
    """The schema of an action whose value is an object: what it must have, and nothing else."""
    value = {
        "type": "object",
        "properties": properties,
        "required": [name for name, rule in properties.items() if not rule.get("optional")],
        "additionalProperties": False,
    }
    return Draft202012Validator({"type": "object", "properties": {action: value}})


_REBOOT = _schema(
    "reboot",
    type={
        "type": "string",
        "pattern": r"^(?i:soft|hard)\Z",
        "description": "SOFT or HARD",
    },
)
_RESET_STATE = _schema("os-resetState", state={"enum": ["active", "error"]})
_LOCK = Draft202012Validator(
    {
        "properties": {
            "lock": {
                "type": ["object", "null"],
                "properties": {
                    "locked_reason": {"type": "string", "minLength": 1, "maxLength": 255}
                },
                "additionalProperties": False,
            }
        }
    }
)
_CHANGE_PASSWORD = _schema("changePassword", adminPass={"type": "string"})
_RESCUE = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "rescue": {
                "type": ["object", "null"],
                "properties": {
                    "adminPass": {"type": "string"},
                    "rescue_image_ref": {"type": "string"},
                },
                "additionalProperties": False,
            }
        },
    }
)
_CRASH_DUMP = Draft202012Validator(
    {"type": "object", "properties": {"trigger_crash_dump": {"type": "null"}}}
)
_CONSOLE = _schema(
    "os-getConsoleOutput",
    length={
        "type": ["integer", "string", "null"],
        "pattern": r"^-?[0-9]{1,9}\Z",
        "minimum": -1,
        "maximum": 10**9,
        "description": "a number of lines, or -1 for all",
        "optional": True,
    },
)


@routes.post("/servers/<server_id>/action")
def act(server_id: str) -> Response:
    """Do what the body's only key says."""
    body = json_body(_ACTION)
    name = next(iter(body))
    if not changes.ACTIONS.get(name, changes.Span()).holds(version().minor):
        raise NotFound(f"API version '{version()}' has no action '{name}'.")
    policy.check_action(name)
    if name in PLAIN:
        cloud().compute.act(asking(), server_id, PLAIN[name])
        return empty(202)
    if name in consoles.ACTIONS:
        return consoles.answer_action(name, server_id, body)
    answer = _ANSWERS.get(name)
    if answer is None:
        raise BadRequest(f"There is no such action: {name[:60]}")
    return answer(server_id, body)


def _reboot(server_id: str, body: dict[str, Any]) -> Response:
    check(_REBOOT, body)
    cloud().compute.act(asking(), server_id, REBOOTS[body["reboot"]["type"].upper()])
    return empty(202)


def _lock(server_id: str, body: dict[str, Any]) -> Response:
    reason = None
    if version().has(changes.LOCKED_REASON):
        check(_LOCK, body)
        reason = (body["lock"] or {}).get("locked_reason")
    cloud().standing.lock(asking(), server_id, reason)
    return empty(202)


def _unlock(server_id: str, body: dict[str, Any]) -> Response:
    cloud().standing.unlock(asking(), server_id)
    return empty(202)


def _reset_state(server_id: str, body: dict[str, Any]) -> Response:
    check(_RESET_STATE, body)
    cloud().standing.reset_state(asking(), server_id, body["os-resetState"]["state"])
    return empty(202)


def _inject_network_info(server_id: str, body: dict[str, Any]) -> Response:
    """Nothing to do: what a guest is told of its networks is in its config drive from the start."""
    cloud().compute.get_server(asking(), server_id)
    return empty(202)


def _restore(server_id: str, body: dict[str, Any]) -> Response:
    """Deletions are not put off here, so there is never anything to restore."""
    server = cloud().compute.get_server(asking(), server_id)
    raise Conflict(
        f"Cannot 'restore' instance {server_id} while it is in vm_state {server.vm_state}"
    )


def _change_password(server_id: str, body: dict[str, Any]) -> Response:
    check(_CHANGE_PASSWORD, body)
    cloud().admin_pass.change(asking(), server_id, body["changePassword"]["adminPass"])
    return empty(202)


def _rescue(server_id: str, body: dict[str, Any]) -> Response:
    check(_RESCUE, body)
    asked = body["rescue"] or {}
    image_id = parse_uuid(asked["rescue_image_ref"]) if "rescue_image_ref" in asked else None
    if image_id is None and "rescue_image_ref" in asked:
        raise BadRequest("rescue_image_ref: must be the id of an image.")
    password = cloud().rescuing.rescue(asking(), server_id, image_id, asked.get("adminPass"))
    return jsonify(adminPass=password)


def _crash_dump(server_id: str, body: dict[str, Any]) -> Response:
    check(_CRASH_DUMP, body)
    cloud().compute.act(asking(), server_id, "trigger_crash_dump")
    return empty(202)


def _console_output(server_id: str, body: dict[str, Any]) -> Response:
    check(_CONSOLE, body)
    length = body["os-getConsoleOutput"].get("length")
    lines = None if length is None or int(length) < 0 else int(length)
    return jsonify(output=cloud().compute.console_output(asking(), server_id, lines))


_ANSWERS: dict[str, Callable[[str, dict[str, Any]], Response]] = {
    "reboot": _reboot,
    "lock": _lock,
    "unlock": _unlock,
    "os-resetState": _reset_state,
    "injectNetworkInfo": _inject_network_info,
    "restore": _restore,
    "changePassword": _change_password,
    "rescue": _rescue,
    "trigger_crash_dump": _crash_dump,
    "os-getConsoleOutput": _console_output,
    **network_actions.ANSWERS,
    **reshaping.ANSWERS,
    **capture_actions.ANSWERS,
}
"""Actions that have more to say, or to answer."""
