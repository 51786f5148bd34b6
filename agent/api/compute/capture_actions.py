# SPDX-License-Identifier: Apache-2.0
"""The actions that make images of servers, or put servers away: createImage, shelve, …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify

from agent.api import changes
from agent.api.compute.capture_parse import (
    CREATE_BACKUP_SCHEMA,
    CREATE_IMAGE_SCHEMA,
    parse_target,
    parse_wish,
    unshelve_schema,
)
from agent.api.context import asking, base_url, cloud, version
from agent.api.parse import check
from agent.api.replies import empty


def _create_image(server_id: str, body: dict[str, Any]) -> Response:
    check(CREATE_IMAGE_SCHEMA, body)
    wish = parse_wish(body["createImage"], version(), cloud().config.limits.image_metadata)
    return _made(cloud().capturing.create_image(asking(), server_id, wish))


def _create_backup(server_id: str, body: dict[str, Any]) -> Response:
    check(CREATE_BACKUP_SCHEMA, body)
    asked = body["createBackup"]
    wish = parse_wish(asked, version(), cloud().config.limits.image_metadata)
    rotation = int(asked["rotation"])
    image_id = cloud().capturing.create_backup(asking(), server_id, wish, rotation)
    return _made(image_id, is_kept=rotation > 0)


def _made(image_id: str, *, is_kept: bool = True) -> Response:
    """Tell which image it becomes, the older versions by its address alone."""
    if version().has(changes.IMAGE_ID):
        response = jsonify(image_id=image_id)
        response.status_code = 202
        return response
    response = empty(202)
    if is_kept:
        response.headers["Location"] = f"{base_url()}/image/v2/images/{image_id}"
    return response


def _shelve(server_id: str, body: dict[str, Any]) -> Response:
    cloud().capturing.shelve(asking(), server_id)
    return empty(202)


def _shelve_offload(server_id: str, body: dict[str, Any]) -> Response:
    cloud().capturing.shelve_offload(asking(), server_id)
    return empty(202)


def _unshelve(server_id: str, body: dict[str, Any]) -> Response:
    check(unshelve_schema(version()), body)
    target = parse_target(body["unshelve"], version())
    cloud().capturing.unshelve(asking(), server_id, target)
    return empty(202)


ANSWERS: dict[str, Callable[[str, dict[str, Any]], Response]] = {
    "createImage": _create_image,
    "createBackup": _create_backup,
    "shelve": _shelve,
    "shelveOffload": _shelve_offload,
    "unshelve": _unshelve,
}
