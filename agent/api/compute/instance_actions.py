# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/os-instance-actions: what was done to a server, and how far it came."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify

from agent.actions import ACTIONS
from agent.api.context import asking, caller, cloud
from agent.api.replies import iso_micros
from agent.model.task import Task

routes = Blueprint("instance_actions", __name__)


@routes.get("/servers/<server_id>/os-instance-actions")
def list_actions(server_id: str) -> Response:
    """List the actions of a server, newest first."""
    tasks = cloud().records.list_tasks(asking(), server_id)
    return jsonify(instanceActions=[instance_action_view(task) for task in tasks])


@routes.get("/servers/<server_id>/os-instance-actions/<request_id>")
def show(server_id: str, request_id: str) -> Response:
    """Show what one request did.

    Its events are shown to all, as Nova does from 2.51: the `openstack` client needs them always.
    """
    task = cloud().records.get_task(asking(), server_id, request_id)
    events = events_view(task, for_admin=caller().is_admin)
    return jsonify(instanceAction={**instance_action_view(task), "events": events})


def shown_action(task: Task) -> str:
    """Name a task's action as users know it; one that another version has begun keeps its name."""
    row = ACTIONS.get(task.action)
    return row.label if row else task.action


def instance_action_view(task: Task) -> dict[str, Any]:
    """Show a task; `message` says why it failed."""
    return {
        "action": shown_action(task),
        "instance_uuid": task.server_id,
        "message": task.error,
        "project_id": task.project_id,
        "request_id": task.request_id,
        "start_time": iso_micros(task.started_at),
        "user_id": task.user_id,
    }


def events_view(task: Task, *, for_admin: bool) -> list[dict[str, Any]]:
    """Show the recorded steps of a task, and its failure, newest first."""
    events = []
    since = task.started_at
    for step in task.steps:
        events.append(_event(step.name, since, step.finished_at))
        since = step.finished_at
    if task.error is not None:
        events.append(_event(shown_action(task), since, task.finished_at, result="Error"))
    if for_admin:
        events = [{**event, "traceback": None} for event in events]
        if task.error is not None:
            events[-1]["traceback"] = task.error
    return events[::-1]


def _event(
    name: str, began: datetime, ended: datetime | None, *, result: str = "Success"
) -> dict[str, Any]:
    return {
        "event": f"compute_{name}",
        "start_time": iso_micros(began),
        "finish_time": iso_micros(ended) if ended else None,
        "result": result,
    }
