# SPDX-License-Identifier: Apache-2.0
"""Security groups in the words of the Compute API: the one that each project has."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import asking, caller, cloud
from agent.errors import BadRequest, NotFound
from agent.model.securitygroup import DEFAULT, DESCRIPTION, SecurityGroup, default_group

routes = Blueprint("security_groups", __name__)


@routes.get("/servers/<server_id>/os-security-groups")
def list_of_server(server_id: str) -> Response:
    """List the group of a server: its project's only one."""
    server = cloud().compute.get_server(asking(), server_id)
    return jsonify(security_groups=[group_view(default_group(server.project_id))])


@routes.get("/os-security-groups", strict_slashes=True)  # with a slash: one without an id
def list_groups() -> Response:
    """List the project's only group."""
    return jsonify(security_groups=[group_view(default_group(caller().project.id))])


@routes.get("/os-security-groups/<group_id>")
def show_group(group_id: str) -> Response:
    """Show the project's only group."""
    group = default_group(caller().project.id)
    if group.id != group_id:
        raise NotFound(f"Security group {group_id} not found.")
    return jsonify(security_group=group_view(group))


@routes.delete("/os-security-groups/<group_id>")
def delete_group(group_id: str) -> Response:
    """Refuse to delete the project's only group."""
    show_group(group_id)
    raise BadRequest("The security group default is not deleted: it is the only one.")


def group_view(group: SecurityGroup) -> dict[str, Any]:
    """Show a group, with its rules for what comes in."""
    return {
        "id": group.id,
        "name": DEFAULT,
        "description": DESCRIPTION,
        "tenant_id": group.project_id,
        "rules": [
            {
                "id": rule.id,
                "parent_group_id": group.id,
                "ip_protocol": None,
                "from_port": None,
                "to_port": None,
                "ip_range": {"cidr": rule.anywhere},
                "group": {},
            }
            for rule in group.rules
            if rule.direction == "ingress"
        ],
    }
