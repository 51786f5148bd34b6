# SPDX-License-Identifier: Apache-2.0
"""/schemas: what images, members and tasks look like, for clients that ask before they send."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.image.attributes import ID, READ_ONLY, UUID, WRITABLE
from agent.errors import NotFound
from agent.model.image import MemberStatus
from agent.model.imagetask import IMPORT, ImageTaskStatus

routes = Blueprint("image_schemas", __name__)

IMAGE: dict[str, Any] = {
    "name": "image",
    "properties": {"id": ID, **WRITABLE, **READ_ONLY},
    "additionalProperties": {"type": "string"},
    "links": [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}

MEMBER: dict[str, Any] = {
    "name": "member",
    "properties": {
        "image_id": {"type": "string", "pattern": UUID},
        "member_id": {"type": "string"},
        "status": {"type": "string", "enum": [status.value for status in MemberStatus]},
        "created_at": {"type": "string"},
        "updated_at": {"type": "string"},
        "schema": {"type": "string", "readOnly": True},
    },
}

_PAGE_LINKS = [
    {"rel": "first", "href": "{first}"},
    {"rel": "next", "href": "{next}"},
    {"rel": "describedby", "href": "{schema}"},
]

_TEXT: dict[str, Any] = {"type": "string"}
_OBJECT: dict[str, Any] = {"type": ["null", "object"]}
_BRIEF: dict[str, Any] = {
    "id": _TEXT,
    "type": {"type": "string", "enum": [IMPORT]},
    "status": {"type": "string", "enum": [status.value for status in ImageTaskStatus]},
    "owner": _TEXT,
    "created_at": _TEXT,
    "updated_at": _TEXT,
    "expires_at": {"type": ["null", "string"]},
    "self": {"type": "string", "readOnly": True},
    "schema": {"type": "string", "readOnly": True},
}

TASK: dict[str, Any] = {
    "name": "task",
    "properties": {**_BRIEF, "input": _OBJECT, "result": _OBJECT, "message": _TEXT},
}

TASKS: dict[str, Any] = {
    "name": "tasks",
    "properties": {
        "tasks": {"type": "array", "items": {"name": "task", "properties": _BRIEF}},
        "first": _TEXT,
        "next": _TEXT,
        "schema": _TEXT,
    },
    "links": _PAGE_LINKS,
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "image": IMAGE,
    "images": {
        "name": "images",
        "properties": {
            "images": {"type": "array", "items": IMAGE},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": _PAGE_LINKS,
    },
    "member": MEMBER,
    "members": {
        "name": "members",
        "properties": {
            "members": {"type": "array", "items": MEMBER},
            "schema": {"type": "string"},
        },
        "links": [{"rel": "describedby", "href": "{schema}"}],
    },
    "task": TASK,
    "tasks": TASKS,
}


@routes.get("/schemas/<name>")
def show_schema(name: str) -> Response:
    """Describe a kind of thing."""
    if name not in SCHEMAS:
        raise NotFound(f"There is no schema for '{name}'.")
    return jsonify(SCHEMAS[name])
