# SPDX-License-Identifier: Apache-2.0
"""/images/ID/members: the projects that an image is shared with."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.context import caller, cloud
from agent.api.image.attributes import MAX_TEXT
from agent.api.image.views import member_view
from agent.api.replies import empty
from agent.errors import BadRequest
from agent.model.image import MemberStatus
from agent.model.imagerules import has_controls

routes = Blueprint("image_members", __name__)

_NEW = Draft202012Validator(
    {
        "type": "object",
        "required": ["member"],
        "properties": {"member": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}},
    }
)
_ANSWER = Draft202012Validator(
    {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"enum": [status.value for status in MemberStatus]}},
    }
)


@routes.get("/images/<image_id>/members")
def list_members(image_id: str) -> Response:
    """List the members of an image: its owner sees all, a member itself."""
    members = cloud().image_sharing.list_members(caller(), image_id)
    return jsonify(members=[member_view(one) for one in members], schema="/v2/schemas/members")


@routes.post("/images/<image_id>/members")
def add(image_id: str) -> Response:
    """Share an image with a project. Answers 200, as the standard does here."""
    member_id = json_body(_NEW)["member"]
    if "/" in member_id or has_controls(member_id):  # no path would lead to it
        raise BadRequest("member: must be a project's id, without '/' and control characters.")
    return jsonify(member_view(cloud().image_sharing.add(caller(), image_id, member_id)))


@routes.get("/images/<image_id>/members/<member_id>")
def show(image_id: str, member_id: str) -> Response:
    """Show one member of an image."""
    return jsonify(member_view(cloud().image_sharing.get(caller(), image_id, member_id)))


@routes.put("/images/<image_id>/members/<member_id>")
def answer(image_id: str, member_id: str) -> Response:
    """Accept or reject an image that is shared with the caller."""
    status = MemberStatus(json_body(_ANSWER)["status"])
    member = cloud().image_sharing.answer(caller(), image_id, member_id, status)
    return jsonify(member_view(member))


@routes.delete("/images/<image_id>/members/<member_id>")
def remove(image_id: str, member_id: str) -> Response:
    """Share an image with a project no longer."""
    cloud().image_sharing.remove(caller(), image_id, member_id)
    return empty(204)
