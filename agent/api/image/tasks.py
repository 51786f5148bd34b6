# SPDX-License-Identifier: Apache-2.0
"""/images/ID/tasks for an image's owner, /tasks for administrators: how imports go."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from agent.api.context import caller, cloud
from agent.api.parse import parse_count
from agent.api.replies import iso_micros, iso_seconds
from agent.errors import BadRequest
from agent.model.imagetask import IMPORT, ImageTask, ImageTaskStatus

routes = Blueprint("image_tasks", __name__)

DEFAULT_LIMIT = 25
MAX_LIMIT = 1000
SORT_KEYS = ("created_at", "expires_at", "status", "type", "updated_at")


@routes.get("/images/<image_id>/tasks")
def list_of_image(image_id: str) -> Response:
    """List the imports of an image, with all that is known of them."""
    tasks = cloud().importing.list_of_image(caller(), image_id)
    return jsonify(tasks=[_view_of_image(task) for task in tasks])


@routes.get("/tasks")
def list_tasks() -> Response:
    """List the imports of all projects, the newest first unless asked otherwise."""
    args = request.args
    limit = parse_count("limit", args["limit"]) if "limit" in args else DEFAULT_LIMIT
    limit = min(limit, MAX_LIMIT)
    sort_key = _choice("sort_key", SORT_KEYS)
    tasks = cloud().importing.list_tasks(
        status=_choice("status", tuple(ImageTaskStatus)) if "status" in args else None,
        sort_key="created_at" if sort_key == "type" else sort_key,  # all are of one type
        ascending=_choice("sort_dir", ("desc", "asc")) == "asc",
        limit=limit,
        marker=args.get("marker"),
    )
    if args.get("type", IMPORT) != IMPORT:
        tasks = []
    body: dict[str, Any] = {
        "tasks": [_brief(task) for task in tasks],
        "first": _page_url(),
        "schema": "/v2/schemas/tasks",
    }
    if tasks and len(tasks) == limit:
        body["next"] = _page_url(marker=tasks[-1].id)
    return jsonify(body)


@routes.get("/tasks/<task_id>")
def show(task_id: str) -> Response:
    """Show one import."""
    task = cloud().importing.get_task(task_id)
    return jsonify({**_brief(task), **_details(task)})


def _brief(task: ImageTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "type": IMPORT,
        "status": task.status.value,
        "owner": task.owner,
        "created_at": iso_seconds(task.created_at),
        "updated_at": iso_seconds(task.updated_at),
        "expires_at": iso_seconds(task.expires_at) if task.expires_at else None,
        "self": f"/v2/tasks/{task.id}",
        "schema": "/v2/schemas/task",
    }


def _details(task: ImageTask) -> dict[str, Any]:
    return {
        "input": task.input,
        "result": task.result,
        "message": task.message,
        "image_id": task.image_id,
        "request_id": task.request_id,
        "user_id": task.user_id,
    }


def _view_of_image(task: ImageTask) -> dict[str, Any]:
    return {
        **_details(task),
        "id": task.id,
        "type": IMPORT,
        "status": task.status.value,
        "owner": task.owner,
        "created_at": iso_micros(task.created_at),
        "updated_at": iso_micros(task.updated_at),
        "expires_at": iso_micros(task.expires_at) if task.expires_at else None,
        "deleted": False,
        "deleted_at": None,
    }


def _choice(name: str, allowed: tuple[str, ...]) -> str:
    """Read a parameter that must be one of some words; the first of them is the default."""
    asked = request.args.get(name, allowed[0])
    if asked not in allowed:
        raise BadRequest(f"{name}: must be one of {', '.join(allowed)}.")
    return asked


def _page_url(**changes: str) -> str:
    """Make the path of a page of the same list."""
    query = {name: value for name, value in request.args.items() if name != "marker"} | changes
    return "/v2/tasks" + (f"?{urlencode(query)}" if query else "")
