# SPDX-License-Identifier: Apache-2.0
"""Actions that give a server another disk, another size, or another host (there is none)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify

from agent.api.compute import reshape_parse
from agent.api.compute.server_schemas import rebuild_schema
from agent.api.compute.server_views import rebuilt_view
from agent.api.compute.servers import viewing
from agent.api.context import asking, base_url, caller, cloud, version
from agent.api.parse import check
from agent.api.replies import empty


def rebuild(server_id: str, body: dict[str, Any]) -> Response:
    """Begin to rebuild a server; the answer alone tells its new password."""
    check(rebuild_schema(version()), body)
    most = cloud().quotas.quota_of(caller().project.id).metadata_items
    request = reshape_parse.parse_rebuild(body, most)
    rebuilt = cloud().rebuilding.rebuild(asking(), server_id, request)
    response = jsonify(server=rebuilt_view(rebuilt.server, rebuilt.admin_pass, viewing()))
    response.status_code = 202
    response.headers["Location"] = f"{base_url()}/compute/v2.1/servers/{server_id}"
    return response


def resize(server_id: str, body: dict[str, Any]) -> Response:
    """Begin to give a server another flavor."""
    check(reshape_parse.RESIZE, body)
    cloud().resizing.resize(
        asking(),
        server_id,
        reshape_parse.parse_flavor(body),
        disk_config=body["resize"].get("OS-DCF:diskConfig"),
    )
    return empty(202)


def confirm_resize(server_id: str, body: dict[str, Any]) -> Response:
    """Begin to drop what a server was before its resize."""
    cloud().compute.act(asking(), server_id, "confirmResize")
    return empty(204)


def migrate(server_id: str, body: dict[str, Any]) -> Response:
    """Say that there is no other host."""
    return _refuse_move(server_id, body, "migrate")


def migrate_live(server_id: str, body: dict[str, Any]) -> Response:
    """Say that there is no other host."""
    return _refuse_move(server_id, body, "os-migrateLive")


def evacuate(server_id: str, body: dict[str, Any]) -> Response:
    """Say that the server's host works."""
    return _refuse_move(server_id, body, "evacuate")


_MOVES = {
    "migrate": reshape_parse.migrate_schema,
    "os-migrateLive": reshape_parse.migrate_live_schema,
    "evacuate": reshape_parse.evacuate_schema,
}


def _refuse_move(server_id: str, body: dict[str, Any], action: str) -> Response:
    check(_MOVES[action](version()), body)
    cloud().resizing.refuse_move(asking(), server_id, action)
    return empty(202)


ANSWERS: dict[str, Callable[[str, dict[str, Any]], Response]] = {
    "rebuild": rebuild,
    "resize": resize,
    "confirmResize": confirm_resize,
    "migrate": migrate,
    "os-migrateLive": migrate_live,
    "evacuate": evacuate,
}
