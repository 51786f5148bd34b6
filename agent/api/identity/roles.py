# SPDX-License-Identifier: Apache-2.0
"""/roles, and which user has which of them where."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from agent.api.body import json_body
from agent.api.context import base_url, cloud
from agent.api.identity.account_schemas import CREATE_ROLE, UPDATE_ROLE
from agent.api.identity.replies import listing
from agent.api.identity.views import assignment_view, role_view
from agent.api.parse import parse_boolean
from agent.api.replies import empty
from agent.errors import NotFound
from agent.model.identity import AssignmentFilter, Role

routes = Blueprint("roles", __name__)

_IN_PROJECT = "/projects/<project_id>/users/<user_id>/roles/<role_id>"
_IN_SYSTEM = "/system/users/<user_id>/roles/<role_id>"

FILTERS = frozenset(
    {
        *("user.id", "scope.project.id", "role.id", "group.id", "scope.system", "scope.domain.id"),
        *("scope.OS-INHERIT:inherited_to", "effective", "include_names", "include_subtree"),
    }
)

NOTHING_HAS_IT = ("group.id", "scope.domain.id", "scope.OS-INHERIT:inherited_to")
"""Filters of the standard that no assignment of this cloud fits."""


@routes.get("/roles")
def list_roles() -> Response:
    """List the roles."""
    roles = cloud().accounts.list_roles()
    return listing("roles", (role_view(role, base_url()) for role in roles), "name", "domain_id")


@routes.post("/roles")
def create() -> Response:
    """Add a role."""
    asked = json_body(CREATE_ROLE)["role"]
    return _show(cloud().accounts.create_role(asked["name"], asked.get("description")), code=201)


@routes.get("/roles/<role_id>")
def show(role_id: str) -> Response:
    """Show one role."""
    return _show(cloud().accounts.get_role(role_id))


@routes.patch("/roles/<role_id>")
def update(role_id: str) -> Response:
    """Change a role."""
    asked = json_body(UPDATE_ROLE)["role"]
    changes = {name: asked[name] for name in ("name", "description") if name in asked}
    return _show(cloud().accounts.update_role(role_id, changes))


@routes.delete("/roles/<role_id>")
def delete(role_id: str) -> Response:
    """Remove a role."""
    cloud().accounts.delete_role(role_id)
    return empty(204)


@routes.get("/system/users/<user_id>/roles")
@routes.get("/projects/<project_id>/users/<user_id>/roles")
def list_grants(user_id: str, project_id: str | None = None) -> Response:
    """List the roles of a user in a project, or in the system."""
    roles = cloud().accounts.roles_of(user_id, project_id)
    return listing("roles", [role_view(role, base_url()) for role in roles])


@routes.put(_IN_SYSTEM)
@routes.put(_IN_PROJECT)
def grant(user_id: str, role_id: str, project_id: str | None = None) -> Response:
    """Give a user a role."""
    cloud().accounts.assign(user_id, project_id, role_id)
    return empty(204)


@routes.get(_IN_SYSTEM)
@routes.get(_IN_PROJECT)
def check_grant(user_id: str, role_id: str, project_id: str | None = None) -> Response:
    """Say whether a user has a role."""
    if all(role.id != role_id for role in cloud().accounts.roles_of(user_id, project_id)):
        raise NotFound(f"The user has no role {role_id} there.")
    return empty(204)


@routes.delete(_IN_SYSTEM)
@routes.delete(_IN_PROJECT)
def revoke_grant(user_id: str, role_id: str, project_id: str | None = None) -> Response:
    """Take a role from a user."""
    cloud().accounts.unassign(user_id, project_id, role_id)
    return empty(204)


@routes.get("/role_assignments")
def list_assignments() -> Response:
    """List who has which role where."""
    args = request.args
    names = args.get("include_names")
    with_names = names is not None and (names == "" or parse_boolean("include_names", names))
    wanted = AssignmentFilter(
        args.get("user.id"),
        args.get("scope.project.id"),
        args.get("role.id"),
        True if "scope.system" in args else None,
    )
    fits = not any(name in args for name in NOTHING_HAS_IT)
    found = cloud().accounts.list_assignments(wanted) if fits else ()
    views = (assignment_view(one, base_url(), with_names=with_names) for one in found)
    return listing("role_assignments", views, known=FILTERS)


def _show(role: Role, *, code: int = 200) -> Response:
    response = jsonify(role=role_view(role, base_url()))
    response.status_code = code
    return response
