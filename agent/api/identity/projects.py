# SPDX-License-Identifier: Apache-2.0
"""The projects in which the caller has a role: no other is shown to anybody."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, jsonify, request

from agent.api.context import base_url, bearer, cloud
from agent.api.identity.views import project_view
from agent.errors import Forbidden, NotFound
from agent.model.identity import Project

routes = Blueprint("projects", __name__)


@routes.get("/auth/projects")
@routes.get("/projects")
def list_own() -> Response:
    """List the caller's projects."""
    return _reply(cloud().identity.list_projects(bearer()))


@routes.get("/users/<user_id>/projects")
def list_of_user(user_id: str) -> Response:
    """List a user's projects; only one's own can be asked for."""
    if user_id != bearer().user.id:
        raise Forbidden("You are not authorized to list another user's projects.")
    return _reply(cloud().identity.list_projects(bearer()))


@routes.get("/projects/<project_id>")
def show(project_id: str) -> Response:
    """Show one of the caller's projects."""
    for project in cloud().identity.list_projects(bearer()):
        if project.id == project_id:
            return jsonify(project=project_view(project, base_url()))
    raise NotFound(f"Could not find project: {project_id}.")


def _reply(projects: Sequence[Project]) -> Response:
    name = request.args.get("name")
    found = [project for project in projects if name is None or project.name == name]
    links = {"self": f"{base_url()}{request.path}", "previous": None, "next": None}
    return jsonify(projects=[project_view(p, base_url()) for p in found], links=links)
