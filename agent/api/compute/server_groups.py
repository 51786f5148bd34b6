# SPDX-License-Identifier: Apache-2.0
"""/os-server-groups: servers that are to share a host, or not to."""

from __future__ import annotations

import functools
from typing import Any

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.body import json_body
from agent.api.compute.paging import MAX_LIMIT
from agent.api.compute.query import check_query
from agent.api.compute.texts import NAME, check_name
from agent.api.context import asking, caller, cloud, version
from agent.api.microversion import Microversion
from agent.api.parse import parse_count
from agent.api.replies import empty
from agent.api.schemas import body_of, closed
from agent.model.group import Policy, ServerGroup

routes = Blueprint("server_groups", __name__)

HARD = [Policy.AFFINITY.value, Policy.ANTI_AFFINITY.value]
SOFT = [Policy.SOFT_AFFINITY.value, Policy.SOFT_ANTI_AFFINITY.value]
QUERY = ("all_projects", "limit", "offset")

_COUNT = {"type": ["integer", "string"], "pattern": r"^[0-9]*[1-9][0-9]*\Z", "minimum": 1}


@functools.cache
def create_schema(spoken: Microversion) -> Draft202012Validator:
    """The body of a new group: one policy, in a list until 2.64."""
    policy = {"type": "string", "enum": HARD + (SOFT if spoken.has(changes.SOFT_POLICIES) else [])}
    fields: dict[str, Any] = {
        "policies": {"type": "array", "items": policy, "minItems": 1, "maxItems": 1}
    }
    required = "policies"
    if spoken.has(changes.GROUP_POLICY):
        rules = closed({"max_server_per_host": _COUNT})
        fields, required = {"policy": policy, "rules": rules}, "policy"
    return body_of("server_group", closed({"name": NAME, **fields}, ["name", required]))


@routes.post("/os-server-groups")
def create() -> Response:
    """Make a group."""
    asked = json_body(create_schema(version()))["server_group"]
    policy = Policy(asked["policy"] if "policy" in asked else asked["policies"][0])
    most = asked.get("rules", {}).get("max_server_per_host")
    group = cloud().server_groups.create(
        caller(),
        check_name("server_group.name", asked["name"]),
        policy,
        None if most is None else int(most),
    )
    return jsonify(server_group=group_view(group, version()))


@routes.get("/os-server-groups")
def list_groups() -> Response:
    """List the project's groups; all projects', for administrators who ask for `all_projects`."""
    check_query(request.args, QUERY, version())
    limit = parse_count("limit", request.args.get("limit", str(MAX_LIMIT)))
    offset = parse_count("offset", request.args.get("offset", "0"))
    groups = cloud().server_groups.list(caller(), of_all_projects="all_projects" in request.args)
    page = groups[offset : offset + min(limit or MAX_LIMIT, MAX_LIMIT)]
    return jsonify(server_groups=[group_view(group, version()) for group in page])


@routes.get("/os-server-groups/<server_group_id>")
def show(server_group_id: str) -> Response:
    """Show one group."""
    group = cloud().server_groups.get(asking(), server_group_id)
    return jsonify(server_group=group_view(group, version()))


@routes.delete("/os-server-groups/<server_group_id>")
def delete(server_group_id: str) -> Response:
    """Remove a group; its members stay, and are in none."""
    cloud().server_groups.delete(asking(), server_group_id)
    return empty(204)


def group_view(group: ServerGroup, spoken: Microversion) -> dict[str, Any]:
    """Show a group, with the members that are not deleted."""
    view: dict[str, Any] = {"id": group.id, "name": group.name, "members": list(group.members)}
    if spoken.has(changes.GROUP_OWNER):
        view |= {"project_id": group.project_id, "user_id": group.user_id}
    if not spoken.has(changes.GROUP_POLICY):
        return {**view, "policies": [group.policy.value], "metadata": {}}
    most = group.max_server_per_host
    rules = {} if most is None else {"max_server_per_host": most}
    return {**view, "policy": group.policy.value, "rules": rules}
