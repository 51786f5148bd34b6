# SPDX-License-Identifier: Apache-2.0
"""/security-groups and /security-group-rules: what may pass the ports that are in a group."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.api.body import json_body
from agent.api.context import caller, cloud
from agent.api.network import security_parse as parse
from agent.api.network.parse import changes_of, check_as_it_is, project_of
from agent.api.network.query import list_views, show_view
from agent.api.network.security_views import group_view, rule_view
from agent.api.replies import created, empty
from agent.errors import NotFound

routes = Blueprint("network_security", __name__)


@routes.get("/security-groups")
def list_groups() -> Response:
    """List the groups that the caller sees."""
    return list_views("security_groups", map(group_view, cloud().security_groups.list(caller())))


@routes.post("/security-groups")
def create_group() -> Response:
    """Make a group that lets all out and nothing in."""
    asked = json_body(parse.GROUP)["security_group"]
    check_as_it_is(asked)
    group = cloud().security_groups.create(
        caller(),
        asked.get("name", ""),
        asked.get("description", ""),
        project_id=project_of(asked),
    )
    return created("security_group", group_view(group))


@routes.get("/security-groups/<group_id>")
def show_group(group_id: str) -> Response:
    """Show one group with its rules."""
    return show_view("security_group", group_view(cloud().security_groups.get(caller(), group_id)))


@routes.put("/security-groups/<group_id>")
def update_group(group_id: str) -> Response:
    """Change a group's name or description."""
    asked = json_body(parse.GROUP_CHANGE)["security_group"]
    fields = changes_of(asked, "name", "description")
    group = cloud().security_groups.update(caller(), group_id, **fields)
    return jsonify(security_group=group_view(group))


@routes.delete("/security-groups/<group_id>")
def delete_group(group_id: str) -> Response:
    """Delete a group that no port is in."""
    cloud().security_groups.delete(caller(), group_id)
    return empty(204)


@routes.get("/security-group-rules")
def list_rules() -> Response:
    """List the rules of the groups that the caller sees."""
    groups = cloud().security_groups.list(caller())
    views = (rule_view(group, rule) for group in groups for rule in group.rules)
    return list_views("security_group_rules", views)


@routes.post("/security-group-rules")
def create_rules() -> Response:
    """Add a rule, or several, to a group."""
    body = json_body(parse.RULES)
    asked = parse.rules_of(body)
    rules = [parse.parse_rule(each) for each in asked]
    owners = {owner for each in asked if (owner := project_of(each)) is not None}
    if owners and owners != {cloud().security_groups.get(caller(), rules[0].group_id).project_id}:
        raise NotFound(f"Security group {rules[0].group_id} does not exist")
    group = cloud().security_groups.add_rules(caller(), rules)
    views = [rule_view(group, rule) for rule in group.rules]
    name = next(iter(body))
    return created(name, views if name == "security_group_rules" else views[0])


@routes.get("/security-group-rules/<rule_id>")
def show_rule(rule_id: str) -> Response:
    """Show one rule."""
    group, rule = cloud().security_groups.get_rule(caller(), rule_id)
    return show_view("security_group_rule", rule_view(group, rule))


@routes.delete("/security-group-rules/<rule_id>")
def delete_rule(rule_id: str) -> Response:
    """Take a rule from its group."""
    cloud().security_groups.delete_rule(caller(), rule_id)
    return empty(204)
