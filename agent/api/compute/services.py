# SPDX-License-Identifier: Apache-2.0
"""/os-services: which parts of the cloud run where; for administrators.

Until 2.52 a service is named by host and binary in the body, and the path says what to do to it;
from 2.53 on the path has its uuid, and the body says what it is to be.
"""

from __future__ import annotations

import functools
from typing import Any

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.body import json_body
from agent.api.compute.query import check_query
from agent.api.context import cloud, version
from agent.api.microversion import Microversion
from agent.api.parse import BOOLEAN, parse_boolean, parse_uuid
from agent.api.replies import empty, iso_micros
from agent.api.schemas import closed
from agent.errors import BadRequest, NotFound
from agent.hosts import Service, ServiceChange

routes = Blueprint("services", __name__)

HOST_NAME: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^[a-zA-Z0-9\-._]*\Z",
    "description": "the name of a host: 1 to 255 letters, digits, '-', '.' and '_'",
}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 255}


@functools.cache
def change_schema(spoken: Microversion) -> Draft202012Validator:
    """The body of a change."""
    if spoken.has(changes.UUIDS):
        fields: dict[str, Any] = {
            "status": {"enum": ["enabled", "disabled"]},
            "disabled_reason": _TEXT,
            "forced_down": BOOLEAN,
        }
        return Draft202012Validator(closed(fields))
    fields = {"host": HOST_NAME, "binary": _TEXT, "disabled_reason": _TEXT}
    if spoken.has(changes.FORCED_DOWN):
        fields["forced_down"] = BOOLEAN
    return Draft202012Validator(closed(fields, ["host", "binary"]))


@routes.get("/os-services")
def list_services() -> Response:
    """List the services, those of a host or of a binary alone if the query names one."""
    check_query(request.args, ("host", "binary"), version())
    host, binary = request.args.get("host"), request.args.get("binary")
    services = [
        service_view(service, version())
        for service in cloud().hosts.list_services()
        if (not host or service.host == host) and (not binary or service.binary == binary)
    ]
    return jsonify(services=services)


@routes.put("/os-services/<compute_service_id>")
def change(compute_service_id: str) -> Response:
    """Let a service take no new servers, or take them again, or say that it is down."""
    if version().has(changes.UUIDS):
        return _change_by_uuid(compute_service_id)
    body = json_body(change_schema(version()))
    asked, answered = _asked_by_name(compute_service_id, body)
    cloud().hosts.change_service(body["host"], body["binary"], asked)
    return jsonify(service={"host": body["host"], "binary": body["binary"], **answered})


@routes.delete("/os-services/<compute_service_id>")
def delete(compute_service_id: str) -> Response:
    """Forget the service of a host that is no more: refused, with the reason, of one that runs."""
    cloud().hosts.forget_service(_find(compute_service_id))
    return empty(204)


def service_view(service: Service, spoken: Microversion) -> dict[str, Any]:
    """Show a service."""
    view = {
        "id": service.uuid if spoken.has(changes.UUIDS) else service.id,
        "binary": service.binary,
        "host": service.host,
        "zone": service.zone,
        "status": "disabled" if service.disabled else "enabled",
        "state": "up" if service.is_up else "down",
        "updated_at": iso_micros(service.updated_at),
        "disabled_reason": service.disabled_reason,
    }
    if spoken.has(changes.FORCED_DOWN):
        view["forced_down"] = service.forced_down
    return view


def _change_by_uuid(service_id: str) -> Response:
    if parse_uuid(service_id) is None:
        raise BadRequest(f"Invalid uuid {service_id[:60]}")
    body = json_body(change_schema(version()))
    service = _find(service_id)
    status, reason = body.get("status"), body.get("disabled_reason")
    if status is None and "forced_down" not in body:
        raise BadRequest(
            "No updates were requested. Fields 'status' or 'forced_down' should be specified."
        )
    if status == "enabled" and reason:
        raise BadRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.")
    down = body.get("forced_down")
    asked = ServiceChange(
        disabled=None if status is None else status == "disabled",
        disabled_reason=reason,
        forced_down=None if down is None else parse_boolean("forced_down", down),
    )
    changed = cloud().hosts.change_service(service.host, service.binary, asked)
    return jsonify(service=service_view(changed, version()))


def _asked_by_name(doing: str, body: dict[str, Any]) -> tuple[ServiceChange, dict[str, Any]]:
    """What a path asks for, and what is answered besides the host and the binary."""
    if doing == "enable":
        return ServiceChange(disabled=False), {"status": "enabled"}
    if doing == "disable":
        return ServiceChange(disabled=True), {"status": "disabled"}
    if doing == "disable-log-reason":
        if "disabled_reason" not in body:
            raise BadRequest("Missing disabled reason field")
        reason = body["disabled_reason"]
        answered = {"status": "disabled", "disabled_reason": reason}
        return ServiceChange(disabled=True, disabled_reason=reason), answered
    if doing == "force-down" and version().has(changes.FORCED_DOWN):
        if "forced_down" not in body:
            raise BadRequest("Missing forced_down field")
        down = parse_boolean("forced_down", body["forced_down"])
        return ServiceChange(forced_down=down), {"forced_down": down}
    raise NotFound("Unknown action")


def _find(service_id: str) -> Service:
    by_uuid = version().has(changes.UUIDS)
    if by_uuid and parse_uuid(service_id) is None:
        raise BadRequest(f"Invalid uuid {service_id[:60]}")
    if not by_uuid and not service_id.isdigit():
        raise BadRequest("id: must be a whole number.")
    for service in cloud().hosts.list_services():
        if service_id == (service.uuid if by_uuid else str(service.id)):
            return service
    raise NotFound(f"Service {service_id[:60]} not found.")
