# SPDX-License-Identifier: Apache-2.0
"""/projects: an administrator sees and changes all; others see one in which they have a role."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.body import json_body
from agent.api.context import base_url, bearer, cloud
from agent.api.identity.account_schemas import CREATE_PROJECT, UPDATE_PROJECT, check_domain
from agent.api.identity.replies import listing
from agent.api.identity.views import project_view
from agent.api.replies import empty
from agent.errors import NotFound
from agent.model.identity import Project

routes = Blueprint("projects", __name__)

FIXED = frozenset({"name", "domain_id", "parent_id", "is_domain", "options"})
FILTERS = ("name", "enabled", "domain_id", "parent_id", "is_domain", "tags")


@routes.get("/projects")
def list_projects() -> Response:
    """List the projects."""
    projects = cloud().accounts.list_projects()
    return listing("projects", (project_view(one, base_url()) for one in projects), *FILTERS)


@routes.post("/projects")
def create() -> Response:
    """Add a project."""
    asked = json_body(CREATE_PROJECT)["project"]
    check_domain(asked)
    return _show(cloud().accounts.create_project(asked["name"], _changes(asked)), code=201)


@routes.get("/projects/<project_id>")
def show(project_id: str) -> Response:
    """Show one project."""
    if bearer().is_admin:
        return _show(cloud().accounts.get_project(project_id))
    for project in cloud().identity.list_projects(bearer()):
        if project.id == project_id:
            return _show(project)
    raise NotFound(f"Could not find project: {project_id}.")


@routes.patch("/projects/<project_id>")
def update(project_id: str) -> Response:
    """Change a project."""
    asked = json_body(UPDATE_PROJECT)["project"]
    check_domain(asked)
    changes = _changes(asked) | ({"name": asked["name"]} if "name" in asked else {})
    return _show(cloud().accounts.update_project(project_id, changes))


@routes.delete("/projects/<project_id>")
def delete(project_id: str) -> Response:
    """Remove a project that nothing belongs to any more."""
    cloud().accounts.delete_project(project_id)
    return empty(204)


def _show(project: Project, *, code: int = 200) -> Response:
    response = jsonify(project=project_view(project, base_url()))
    response.status_code = code
    return response


def _changes(asked: dict[str, Any]) -> dict[str, Any]:
    """What is asked for, but for the name and what can have one value only."""
    changes = {name: value for name, value in asked.items() if name not in FIXED}
    if "description" in changes:
        changes["description"] = changes["description"] or ""
    if "tags" in changes:
        changes["tags"] = tuple(dict.fromkeys(changes["tags"]))
    return changes
