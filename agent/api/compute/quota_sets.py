# SPDX-License-Identifier: Apache-2.0
"""/os-quota-sets and /os-quota-class-sets: what projects may use, and what they may by default."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from agent.api.body import json_body
from agent.api.compute.query import check_query
from agent.api.compute.quota_views import (
    detail_view,
    parse_limits,
    quota_view,
    shown_of_classes,
    shown_of_projects,
    update_class_schema,
    update_schema,
)
from agent.api.context import caller, cloud, version
from agent.api.parse import parse_boolean
from agent.api.replies import empty
from agent.errors import BadRequest

routes = Blueprint("quota_sets", __name__)

CLASS_CHARACTERS = 255


@routes.get("/os-quota-sets/<project_id>")
def show(project_id: str) -> Response:
    """Show what a project may use, or a user in it."""
    quota = cloud().quotas.get(caller(), project_id, _user_id())
    return jsonify(quota_set=quota_view(quota, shown_of_projects(version()), project_id))


@routes.get("/os-quota-sets/<project_id>/detail")
def show_detail(project_id: str) -> Response:
    """Show the same, with what is used of it."""
    quotas, user_id = cloud().quotas, _user_id()
    quota = quotas.get(caller(), project_id, user_id)
    used = quotas.usage(caller(), project_id, user_id)
    shown = shown_of_projects(version())
    return jsonify(quota_set=detail_view(quota, used, shown, project_id))


@routes.get("/os-quota-sets/<project_id>/defaults")
def show_defaults(project_id: str) -> Response:
    """Show what a project may use for which nothing was set."""
    quota = cloud().quotas.get_default(caller(), project_id)
    return jsonify(quota_set=quota_view(quota, shown_of_projects(version()), project_id))


@routes.put("/os-quota-sets/<project_id>")
def update(project_id: str) -> Response:
    """Set some limits of a project, or of a user in it."""
    asked = json_body(update_schema(version()))["quota_set"]
    quota = cloud().quotas.set(
        caller(),
        project_id,
        parse_limits(asked),
        user_id=_user_id(),
        force=parse_boolean("force", asked.get("force", False)),
    )
    return jsonify(quota_set=quota_view(quota, shown_of_projects(version())))


@routes.delete("/os-quota-sets/<project_id>")
def delete(project_id: str) -> Response:
    """Let the defaults count again."""
    cloud().quotas.reset(project_id, _user_id())
    return empty(202)


@routes.get("/os-quota-class-sets/<class_name>")
def show_class(class_name: str) -> Response:
    """Show what a class may use."""
    quota = cloud().quotas.get_class(class_name)
    return jsonify(quota_class_set=quota_view(quota, shown_of_classes(version()), class_name))


@routes.put("/os-quota-class-sets/<class_name>")
def update_class(class_name: str) -> Response:
    """Set some limits of a class: of "default", so for every project with none of its own."""
    asked = json_body(update_class_schema(version()))["quota_class_set"]
    if len(class_name) > CLASS_CHARACTERS:
        raise BadRequest(f"quota_class_name: it has more than {CLASS_CHARACTERS} characters.")
    quota = cloud().quotas.set_class(class_name, parse_limits(asked))
    return jsonify(quota_class_set=quota_view(quota, shown_of_classes(version())))


def _user_id() -> str:
    check_query(request.args, {"user_id"}, version())
    return request.args.get("user_id", "")
