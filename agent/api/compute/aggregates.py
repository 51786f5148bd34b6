# SPDX-License-Identifier: Apache-2.0
"""/os-aggregates: hosts that an administrator takes together, and puts into a zone by it."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, jsonify
from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.body import json_body
from agent.api.compute.services import HOST_NAME
from agent.api.compute.texts import NAME, check_name
from agent.api.context import cloud, version
from agent.api.microversion import Microversion
from agent.api.replies import empty, iso_micros
from agent.api.schemas import closed
from agent.errors import BadRequest
from agent.model.host import ZONE, Aggregate

routes = Blueprint("aggregates", __name__)


def _object(fields: dict[str, Any], *required: str, **rules: Any) -> dict[str, Any]:
    return {**closed(fields, required), **rules}


_ZONE = {**NAME, "type": ["string", "null"], "pattern": "^[^:]*$"}
_FIELDS = {"name": NAME, ZONE: _ZONE}
_HOST = _object({"host": HOST_NAME}, "host")
_METADATA = {
    "type": "object",
    "patternProperties": {
        r"^[a-zA-Z0-9\-_:. ]{1,255}\Z": {"type": ["string", "null"], "maxLength": 255}
    },
    "additionalProperties": False,
}

CREATE_SCHEMA = Draft202012Validator(_object({"aggregate": _object(_FIELDS, "name")}, "aggregate"))
UPDATE_SCHEMA = Draft202012Validator(
    _object({"aggregate": _object(_FIELDS, minProperties=1)}, "aggregate")
)
ACTION_SCHEMA = Draft202012Validator(
    _object(
        {
            "add_host": _HOST,
            "remove_host": _HOST,
            "set_metadata": _object({"metadata": _METADATA}, "metadata"),
        },
        minProperties=1,
        maxProperties=1,
    )
)


@routes.get("/os-aggregates")
def list_aggregates() -> Response:
    """List the aggregates."""
    found = cloud().aggregates.list()
    return jsonify(aggregates=[aggregate_view(each, version()) for each in found])


@routes.post("/os-aggregates")
def create() -> Response:
    """Make an aggregate."""
    asked = json_body(CREATE_SCHEMA)["aggregate"]
    name, zone = check_name("aggregate.name", asked["name"]), _zone(asked.get(ZONE))
    view = aggregate_view(cloud().aggregates.create(name, zone), version())
    shown = {key: value for key, value in view.items() if key not in {"hosts", "metadata"}}
    return jsonify(aggregate=shown)


@routes.get("/os-aggregates/<aggregate_id>")
def show(aggregate_id: str) -> Response:
    """Show one aggregate."""
    return _answer(cloud().aggregates.get(_id(aggregate_id)))


@routes.put("/os-aggregates/<aggregate_id>")
def update(aggregate_id: str) -> Response:
    """Set an aggregate's name, its zone, or both."""
    asked = json_body(UPDATE_SCHEMA)["aggregate"]
    fields = dict(asked)
    if "name" in asked:
        fields["name"] = check_name("aggregate.name", asked["name"].strip())
    if ZONE in asked:
        fields[ZONE] = _zone(asked[ZONE])
    return _answer(cloud().aggregates.update(_id(aggregate_id), fields))


@routes.delete("/os-aggregates/<aggregate_id>")
def delete(aggregate_id: str) -> Response:
    """Remove an aggregate that has no hosts."""
    cloud().aggregates.delete(_id(aggregate_id))
    return empty(200)


@routes.post("/os-aggregates/<aggregate_id>/action")
def act(aggregate_id: str) -> Response:
    """Put a host in, take one out, or set metadata."""
    body = json_body(ACTION_SCHEMA)
    its_id, aggregates = _id(aggregate_id), cloud().aggregates
    if "add_host" in body:
        return _answer(aggregates.add_host(its_id, body["add_host"]["host"]))
    if "remove_host" in body:
        return _answer(aggregates.remove_host(its_id, body["remove_host"]["host"]))
    return _answer(aggregates.set_metadata(its_id, body["set_metadata"]["metadata"]))


def aggregate_view(aggregate: Aggregate, spoken: Microversion) -> dict[str, Any]:
    """Show an aggregate; what is deleted is not kept here."""
    updated = aggregate.updated_at
    view = {
        "id": aggregate.id,
        "name": aggregate.name,
        ZONE: aggregate.zone,
        "hosts": list(aggregate.hosts),
        "metadata": dict(aggregate.metadata),
        "created_at": iso_micros(aggregate.created_at),
        "updated_at": iso_micros(updated) if updated else None,
        "deleted": False,
        "deleted_at": None,
    }
    return {**view, "uuid": aggregate.uuid} if spoken.has(changes.AGGREGATE_UUID) else view


def _answer(aggregate: Aggregate) -> Response:
    return jsonify(aggregate=aggregate_view(aggregate, version()))


def _zone(zone: str | None) -> str | None:
    return None if zone is None else check_name(f"aggregate.{ZONE}", zone)


_NUMBER = re.compile(r"-?[0-9]{1,18}")


def _id(text: str) -> int:
    if not _NUMBER.fullmatch(text):  # below 0 too: none is known by such a one
        raise BadRequest("id: must be a whole number.")
    return int(text)
