# SPDX-License-Identifier: Apache-2.0
"""/os-security-groups and their rules, to version 2.35, and those of a server, at all versions.

What the network service refuses as a conflict is a bad request here, and a spent quota forbidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.compute.paging import MAX_LIMIT
from agent.api.compute.security_rule_parse import parse_rule, shown_ports
from agent.api.context import asking, caller, cloud
from agent.api.parse import parse_count, parse_uuid
from agent.api.replies import empty
from agent.errors import BadRequest, Conflict, OverQuota
from agent.model.securitygroup import ANYWHERE, INGRESS, Rule, SecurityGroup, SpentError

routes = Blueprint("security_groups", __name__)

_TEXT = {"type": "string", "maxLength": 255}


def _schema(name: str, properties: Mapping[str, Any], required: Sequence[str]) -> Any:
    """The schema of one thing: what else is given nobody looks at, as in the standard."""
    value = {"type": "object", "properties": properties, "required": required}
    return Draft202012Validator({"type": "object", "properties": {name: value}, "required": [name]})


_GROUP = _schema("security_group", {"name": _TEXT, "description": _TEXT}, ["name", "description"])
_RULE = _schema(
    "security_group_rule",
    {"parent_group_id": {"type": "string"}, "group_id": {"type": ["string", "null"]}},
    ["parent_group_id"],
)


@routes.get("/servers/<server_id>/os-security-groups")
def list_of_server(server_id: str) -> Response:
    """List the groups of a server."""
    return _list(_ordered(cloud().security_groups.list_of_server(asking(), server_id)))


@routes.get("/os-security-groups", strict_slashes=True)  # with a slash: one without an id
def list_groups() -> Response:
    """List the project's groups; all projects', for administrators who ask for `all_tenants`."""
    limit = parse_count("limit", request.args.get("limit", str(MAX_LIMIT)))
    offset = parse_count("offset", request.args.get("offset", "0"))
    groups = cloud().security_groups.list(caller(), of_all_projects="all_tenants" in request.args)
    return _list(_ordered(groups)[offset : offset + min(limit or MAX_LIMIT, MAX_LIMIT)])


@routes.post("/os-security-groups", strict_slashes=True)
def create_group() -> Response:
    """Make a group."""
    asked = json_body(_GROUP)["security_group"]
    name = _check_name(asked["name"])
    with _refused():
        group = cloud().security_groups.create(caller(), name, asked["description"])
    return _show(group)


@routes.get("/os-security-groups/<group_id>")
def show_group(group_id: str) -> Response:
    """Show one group."""
    return _show(cloud().security_groups.get(caller(), _check_id(group_id)))


@routes.put("/os-security-groups/<group_id>")
def update_group(group_id: str) -> Response:
    """Set a group's name and description."""
    asked = json_body(_GROUP)["security_group"]
    fields = {"name": _check_name(asked["name"]), "description": asked["description"]}
    with _refused():
        return _show(cloud().security_groups.update(caller(), _check_id(group_id), **fields))


@routes.delete("/os-security-groups/<group_id>")
def delete_group(group_id: str) -> Response:
    """Delete a group that no port is in."""
    with _refused():
        cloud().security_groups.delete(caller(), _check_id(group_id))
    return empty(202)


@routes.post("/os-security-group-rules")
def create_rule() -> Response:
    """Add a rule for what comes in to a group."""
    asked = json_body(_RULE)["security_group_rule"]
    for field in ("parent_group_id", "group_id"):
        if asked.get(field) is not None and parse_uuid(asked[field]) is None:
            raise BadRequest(f"Invalid input for field/attribute {field}: it must be a uuid.")
    with _refused():
        group = cloud().security_groups.add_rules(caller(), [parse_rule(asked)])
    names = cloud().security_groups.names([group])
    return jsonify(security_group_rule=rule_view(group, group.rules[0], names))


@routes.delete("/os-security-group-rules/<rule_id>")
def delete_rule(rule_id: str) -> Response:
    """Take a rule from its group."""
    cloud().security_groups.delete_rule(caller(), _check_id(rule_id))
    return empty(202)


def group_view(group: SecurityGroup, names: Mapping[str, str]) -> dict[str, Any]:
    """Show a group, with its rules for what comes in; `names` are of all groups, by their ids."""
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "tenant_id": group.project_id,
        "rules": [
            rule_view(group, rule, names) for rule in group.rules if rule.direction == INGRESS
        ],
    }


def rule_view(group: SecurityGroup, rule: Rule, names: Mapping[str, str]) -> dict[str, Any]:
    """Show a rule: it says a network, or a group of its project."""
    first, last = shown_ports(rule)
    remote, is_prefix = rule.remote_group_id or "", rule.remote_group_id is None
    prefix = {"cidr": rule.remote_prefix or ANYWHERE[rule.ethertype]}
    named = {"name": names.get(remote, ""), "tenant_id": group.project_id}
    return {
        "id": rule.id,
        "parent_group_id": group.id,
        "ip_protocol": rule.protocol,
        "from_port": first,
        "to_port": last,
        "ip_range": prefix if is_prefix else {},
        "group": {} if is_prefix else named,
    }


def _show(group: SecurityGroup) -> Response:
    names = cloud().security_groups.names([group])
    return jsonify(security_group=group_view(group, names))


def _list(groups: Sequence[SecurityGroup]) -> Response:
    names = cloud().security_groups.names(groups)
    return jsonify(security_groups=[group_view(group, names) for group in groups])


def _ordered(groups: Sequence[SecurityGroup]) -> Sequence[SecurityGroup]:
    return sorted(groups, key=lambda group: (group.project_id, group.name, group.id))


def _check_id(its_id: str) -> str:
    if parse_uuid(its_id) is None:
        raise BadRequest("Security group id should be uuid")
    return its_id


def _check_name(name: str) -> str:
    if not name.strip():
        raise BadRequest("Invalid input for field/attribute name: it must not be blank.")
    return name


@contextmanager
def _refused() -> Iterator[None]:
    """Answer as Nova does what Neutron answers with a conflict."""
    try:
        yield
    except SpentError as error:
        raise OverQuota(error.message) from error
    except Conflict as error:
        raise BadRequest(error.message) from error
