# SPDX-License-Identifier: Apache-2.0
"""/users: an administrator sees and changes all; others see themselves and change their password.

To anybody else a user looks as if it were not there.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from agent.api.body import json_body
from agent.api.context import base_url, bearer, cloud
from agent.api.identity.account_schemas import (
    CHANGE_PASSWORD,
    CREATE_USER,
    UPDATE_USER,
    check_domain,
)
from agent.api.identity.replies import listing
from agent.api.identity.views import project_view, user_view
from agent.api.replies import empty
from agent.errors import BadRequest
from agent.identity.accounts import UserWish
from agent.identity.oneself import check_oneself
from agent.model.identity import User

routes = Blueprint("users", __name__)

FIXED = frozenset({"id", "name", "password", "domain_id", "options"})
KNOWN = frozenset({"email", "description", "enabled", "default_project_id"})
FILTERS = ("name", "enabled", "domain_id")


@routes.get("/users")
def list_users() -> Response:
    """List the users."""
    users = cloud().accounts.list_users()
    return listing("users", (user_view(user, base_url()) for user in users), *FILTERS)


@routes.post("/users")
def create() -> Response:
    """Add a user."""
    asked = json_body(CREATE_USER)["user"]
    check_domain(asked)
    wish = UserWish(_changes(asked), asked.get("password"))
    return _show(cloud().accounts.create_user(asked["name"], wish), code=201)


@routes.get("/users/<user_id>")
def show(user_id: str) -> Response:
    """Show one user."""
    check_oneself(bearer(), user_id)
    return _show(cloud().accounts.get_user(user_id))


@routes.patch("/users/<user_id>")
def update(user_id: str) -> Response:
    """Change a user."""
    asked = json_body(UPDATE_USER)["user"]
    if asked.get("id", user_id) != user_id:
        raise BadRequest("user.id: it can't be changed.")
    check_domain(asked)
    changes = _changes(asked) | ({"name": asked["name"]} if "name" in asked else {})
    wish = UserWish(changes, asked.get("password"))
    return _show(cloud().accounts.update_user(user_id, wish))


@routes.delete("/users/<user_id>")
def delete(user_id: str) -> Response:
    """Remove a user."""
    cloud().accounts.delete_user(user_id)
    return empty(204)


@routes.post("/users/<user_id>/password")
def change_password(user_id: str) -> Response:
    """Change a password by the old one: one's own, or as an administrator."""
    asked = json_body(CHANGE_PASSWORD)["user"]
    cloud().accounts.change_password(
        bearer(),
        user_id,
        before=asked["original_password"],
        after=asked["password"],
        address=request.remote_addr or "",
    )
    return empty(204)


@routes.get("/users/<user_id>/projects")
def list_projects(user_id: str) -> Response:
    """List the projects in which a user has a role."""
    check_oneself(bearer(), user_id)
    projects = cloud().accounts.projects_of(user_id)
    return listing("projects", (project_view(one, base_url()) for one in projects), "name")


@routes.get("/users/<user_id>/groups")
def list_groups(user_id: str) -> Response:
    """List the groups of a user: there are none here."""
    check_oneself(bearer(), user_id)
    cloud().accounts.get_user(user_id)
    return listing("groups", [])


def _show(user: User, *, code: int = 200) -> Response:
    response = jsonify(user=user_view(user, base_url()))
    response.status_code = code
    return response


def _changes(asked: dict[str, Any]) -> dict[str, Any]:
    """What is asked for, but for name and password and what can have one value only."""
    changes = {name: value for name, value in asked.items() if name in KNOWN}
    extra = {name: value for name, value in asked.items() if name not in KNOWN | FIXED}
    return {**changes, "extra": extra} if extra else changes
