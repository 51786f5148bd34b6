# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/os-instance-actions: what was done to a server, and how far it came."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from agent.actions import ACTIONS
from agent.api import changes
from agent.api.compute.action_query import parse_action_query
from agent.api.compute.paging import Page, next_links
from agent.api.compute.server_views import host_id
from agent.api.context import asking, base_url, caller, cloud, version
from agent.api.microversion import Microversion
from agent.api.replies import iso_micros
from agent.model.task import Task

routes = Blueprint("instance_actions", __name__)


@routes.get("/servers/<server_id>/os-instance-actions")
def list_actions(server_id: str) -> Response:
    """List the actions of a server, newest first."""
    query = parse_action_query(request.args, version())
    _, found = cloud().records.list_tasks(asking(), server_id, deleted=_deleted(), query=query)
    body: dict[str, Any] = {
        "instanceActions": [instance_action_view(task, version()) for task in found]
    }
    if query is not None and found and len(found) == query.limit:
        url = f"{base_url()}/compute/v2.1/servers/{server_id}/os-instance-actions"
        page = Page(query.limit, query.marker)
        body["links"] = next_links(url, request.args, page, found[-1].request_id)
    return jsonify(body)


@routes.get("/servers/<server_id>/os-instance-actions/<request_id>")
def show(server_id: str, request_id: str) -> Response:
    """Show what one request did.

    Its events are shown to all, as Nova does from 2.51: the `openstack` client needs them always.
    """
    server, task = cloud().records.get_task(asking(), server_id, request_id, deleted=_deleted())
    events = events_view(task, version(), server.host, for_admin=caller().is_admin)
    return jsonify(instanceAction={**instance_action_view(task, version()), "events": events})


def _deleted() -> bool:
    return version().has(changes.DELETED_ACTIONS)


def shown_action(task: Task) -> str:
    """Name a task's action as users know it; one that another version has begun keeps its name."""
    row = ACTIONS.get(task.action)
    return row.label if row else task.action


def instance_action_view(task: Task, version: Microversion) -> dict[str, Any]:
    """Show a task; `message` says why it failed."""
    view = {
        "action": shown_action(task),
        "instance_uuid": task.server_id,
        "message": task.error,
        "project_id": task.project_id,
        "request_id": task.request_id,
        "start_time": iso_micros(task.started_at),
        "user_id": task.user_id,
    }
    if version.has(changes.ACTION_PAGING):
        view["updated_at"] = iso_micros(task.updated_at)
    return view


def events_view(
    task: Task, version: Microversion, host: str | None, *, for_admin: bool
) -> list[dict[str, Any]]:
    """Show the recorded steps of a task, and its failure, newest first."""
    events = []
    since = task.started_at
    for step in task.steps:
        events.append(_event(step.name, since, step.finished_at))
        since = step.finished_at
    if task.error is not None:
        events.append(_event(shown_action(task), since, task.finished_at, result="Error"))
    more: dict[str, Any] = {}
    if version.has(changes.EVENT_HOST):
        more["hostId"] = host_id(task.project_id, host)
    if for_admin:
        more |= _for_admins(version, host)
    events = [{**event, **more} for event in events]
    if for_admin and task.error is not None:
        events[-1] |= {name: task.error for name in ("traceback", "details") if name in more}
    return events[::-1]


def _for_admins(version: Microversion, host: str | None) -> dict[str, Any]:
    more: dict[str, Any] = {"traceback": None}
    if version.has(changes.EVENT_HOST):
        more["host"] = host or ""
    if version.has(changes.EVENT_DETAILS):
        more["details"] = None
    return more


def _event(
    name: str, began: datetime, ended: datetime | None, *, result: str = "Success"
) -> dict[str, Any]:
    return {
        "event": f"compute_{name}",
        "start_time": iso_micros(began),
        "finish_time": iso_micros(ended) if ended else None,
        "result": result,
    }
