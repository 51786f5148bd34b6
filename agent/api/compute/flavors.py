# SPDX-License-Identifier: Apache-2.0
"""/flavors: the sizes of servers, what they say besides, and who may use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.body import json_body
from agent.api.compute.flavor_parse import (
    ACCESS_SCHEMAS,
    SPEC_SCHEMA,
    SPECS_SCHEMA,
    UPDATE_SCHEMA,
    create_schema,
    parse_new_flavor,
    parse_query,
    parse_specs,
    parse_update,
)
from agent.api.compute.flavor_views import brief_view, flavor_view
from agent.api.compute.paging import Page, next_links
from agent.api.context import base_url, caller, cloud, version
from agent.api.microversion import Microversion
from agent.api.parse import check
from agent.api.replies import empty
from agent.errors import BadRequest
from agent.model.server import Flavor

routes = Blueprint("flavors", __name__)

_ACTION = Draft202012Validator({"type": "object", "minProperties": 1, "maxProperties": 1})


@routes.get("/flavors")
def list_brief() -> Response:
    """List the flavors by id and name."""
    return _list("/flavors", brief_view)


@routes.get("/flavors/detail")
def list_detail() -> Response:
    """List the flavors with their sizes."""
    return _list("/flavors/detail", flavor_view)


@routes.get("/flavors/<flavor_id>")
def show(flavor_id: str) -> Response:
    """Show one flavor."""
    return _show(cloud().flavors.get(caller(), flavor_id))


@routes.post("/flavors")
def create() -> Response:
    """Make a flavor."""
    flavor = parse_new_flavor(json_body(create_schema(version())))
    return _show(cloud().flavors.create(flavor))


@routes.put("/flavors/<flavor_id>")
def update(flavor_id: str) -> Response:
    """Set a flavor's description: nothing else of one ever changes."""
    description = parse_update(json_body(UPDATE_SCHEMA))
    return _show(cloud().flavors.describe(flavor_id, description))


@routes.delete("/flavors/<flavor_id>")
def delete(flavor_id: str) -> Response:
    """Forget a flavor; servers keep their size."""
    cloud().flavors.delete(flavor_id)
    return empty(202)


@routes.get("/flavors/<flavor_id>/os-extra_specs")
def list_extra_specs(flavor_id: str) -> Response:
    """Show what a flavor says besides its size."""
    return jsonify(extra_specs=dict(cloud().flavors.get(caller(), flavor_id).extra_specs))


@routes.post("/flavors/<flavor_id>/os-extra_specs")
def add_extra_specs(flavor_id: str) -> Response:
    """Set some extra specs and leave the others."""
    body = json_body(SPECS_SCHEMA)
    cloud().flavors.set_extra_specs(flavor_id, parse_specs(body["extra_specs"], version()))
    return jsonify(body)


@routes.get("/flavors/<flavor_id>/os-extra_specs/<key>")
def show_extra_spec(flavor_id: str, key: str) -> Response:
    """Show one extra spec."""
    return jsonify({key: cloud().flavors.get_extra_spec(caller(), flavor_id, key)})


@routes.put("/flavors/<flavor_id>/os-extra_specs/<key>")
def put_extra_spec(flavor_id: str, key: str) -> Response:
    """Set one extra spec."""
    body = json_body(SPEC_SCHEMA)
    specs = parse_specs(body, version())
    if key not in specs:
        raise BadRequest("Request body and URI mismatch")
    cloud().flavors.set_extra_specs(flavor_id, specs)
    return jsonify(body)


@routes.delete("/flavors/<flavor_id>/os-extra_specs/<key>")
def delete_extra_spec(flavor_id: str, key: str) -> Response:
    """Remove one extra spec."""
    cloud().flavors.delete_extra_spec(flavor_id, key)
    return empty(200)


@routes.get("/flavors/<flavor_id>/os-flavor-access")
def list_access(flavor_id: str) -> Response:
    """List the projects that may use a private flavor."""
    return _show_access(flavor_id, cloud().flavors.list_access(flavor_id))


@routes.post("/flavors/<flavor_id>/action")
def act(flavor_id: str) -> Response:
    """Let a project into a private flavor, or take it out."""
    body = json_body(_ACTION)
    name = next(iter(body))
    if name not in ACCESS_SCHEMAS:
        raise BadRequest(f"There is no such action: {name[:60]}")
    check(ACCESS_SCHEMAS[name], body)
    project_id = body[name]["tenant"]
    if name == "removeTenantAccess":
        return _show_access(flavor_id, cloud().flavors.remove_access(flavor_id, project_id))
    is_mild = not version().has(changes.FLAVOR_ACCESS_OF_PUBLIC)
    projects = cloud().flavors.add_access(flavor_id, project_id, even_if_public=is_mild)
    return _show_access(flavor_id, projects)


def _show(flavor: Flavor) -> Response:
    return jsonify(flavor=flavor_view(flavor, base_url(), version()))


def _show_access(flavor_id: str, projects: Sequence[str]) -> Response:
    entries = [{"flavor_id": flavor_id, "tenant_id": project_id} for project_id in projects]
    return jsonify(flavor_access=entries)


def _list(path: str, view: Callable[[Flavor, str, Microversion], dict[str, Any]]) -> Response:
    query = parse_query(request.args, version(), is_admin=caller().is_admin)
    flavors = cloud().flavors.list(caller(), query) if query.limit else ()
    body: dict[str, Any] = {"flavors": [view(flavor, base_url(), version()) for flavor in flavors]}
    if flavors and len(flavors) == query.limit:
        url = f"{base_url()}/compute/v2.1{path}"
        page = Page(query.limit, query.marker)
        body["flavors_links"] = next_links(url, request.args, page, flavors[-1].id)
    return jsonify(body)
