# SPDX-License-Identifier: Apache-2.0
"""/security-groups and their rules, to look at: each project has one group, which lets all pass."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from agent.api.context import caller
from agent.api.network.query import list_views, show_view
from agent.errors import NotFound
from agent.model.securitygroup import DEFAULT, DESCRIPTION, Rule, SecurityGroup, default_group

routes = Blueprint("network_security", __name__)


@routes.get("/security-groups")
def list_groups() -> Response:
    """List the project's one group."""
    return list_views("security_groups", [group_view(default_group(caller().project.id))])


@routes.get("/security-groups/<group_id>")
def show_group(group_id: str) -> Response:
    """Show the project's group."""
    group = default_group(caller().project.id)
    if group.id != group_id:
        raise NotFound(f"Security group {group_id} does not exist.")
    return show_view("security_group", group_view(group))


@routes.get("/security-group-rules")
def list_rules() -> Response:
    """List the rules of the project's group."""
    group = default_group(caller().project.id)
    return list_views("security_group_rules", [rule_view(group, rule) for rule in group.rules])


@routes.get("/security-group-rules/<rule_id>")
def show_rule(rule_id: str) -> Response:
    """Show a rule of the project's group."""
    group = default_group(caller().project.id)
    for rule in group.rules:
        if rule.id == rule_id:
            return show_view("security_group_rule", rule_view(group, rule))
    raise NotFound(f"Security group rule {rule_id} does not exist.")


def group_view(group: SecurityGroup) -> dict[str, Any]:
    """Show a group with its rules."""
    return {
        "id": group.id,
        "name": DEFAULT,
        "description": DESCRIPTION,
        "tenant_id": group.project_id,
        "project_id": group.project_id,
        "stateful": True,
        "shared": False,
        "security_group_rules": [rule_view(group, rule) for rule in group.rules],
        "tags": [],
        "revision_number": 1,
    }


def rule_view(group: SecurityGroup, rule: Rule) -> dict[str, Any]:
    """Show a rule."""
    return {
        "id": rule.id,
        "security_group_id": rule.group_id,
        "direction": rule.direction,
        "ethertype": rule.ethertype,
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_group_id": None,
        "description": "",
        "tenant_id": group.project_id,
        "project_id": group.project_id,
        "revision_number": 1,
    }
