# SPDX-License-Identifier: Apache-2.0
"""/os-migrations: how servers were moved; for administrators. A resize is one: from here to here.

Live migrations there are none, so a server's own list of those in progress is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from agent.api import changes
from agent.api.compute.paging import next_links, parse_page
from agent.api.compute.query import check_query
from agent.api.context import asking, base_url, cloud, version
from agent.api.microversion import Microversion
from agent.api.replies import iso_micros
from agent.errors import BadRequest
from agent.model.move import Move, MoveFilter

routes = Blueprint("migrations", __name__)

PLAIN = ("hidden", "host", "instance_uuid", "source_compute", "status", "migration_type")


@routes.get("/os-migrations")
def list_migrations() -> Response:
    """List the migrations that the query lets through; in pages, newest first, from 2.59 on."""
    spoken, args = version(), request.args
    check_query(args, _known(spoken), spoken, changes.MIGRATION_PAGING)
    wanted = parse_filter(args, spoken)
    if not spoken.has(changes.MIGRATION_PAGING):
        return jsonify(migrations=[move_view(move, spoken) for move in cloud().moves.list(wanted)])
    page = parse_page(args)
    moves = cloud().moves.page(wanted, limit=page.limit, marker=page.marker)
    body: dict[str, Any] = {"migrations": [move_view(move, spoken) for move in moves]}
    if moves and len(moves) == page.limit:
        url = f"{base_url()}/compute/v2.1/os-migrations"
        body["migrations_links"] = next_links(url, args, page, moves[-1].uuid)
    return jsonify(body)


@routes.get("/servers/<server_id>/migrations")
def list_live(server_id: str) -> Response:
    """List the live migrations of a server that are in progress: none."""
    cloud().compute.get_server(asking(), server_id)
    return jsonify(migrations=[])


def parse_filter(args: Mapping[str, str], spoken: Microversion) -> MoveFilter:
    """Read the filters; `BadRequest` for a time that is none, or for two in the wrong order."""
    owned = spoken.has(changes.MIGRATION_OWNER)
    paged = spoken.has(changes.MIGRATION_PAGING)
    since = _time(args, "changes-since") if paged else None
    before = _time(args, "changes-before") if spoken.has(changes.CHANGES_BEFORE) else None
    if since is not None and before is not None and since > before:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    return MoveFilter(
        host=args.get("host") or args.get("source_compute"),
        server_id=args.get("instance_uuid"),
        status=args.get("status"),
        kind=args.get("migration_type"),
        user_id=args.get("user_id") if owned else None,
        project_id=args.get("project_id") if owned else None,
        changes_since=since,
        changes_before=before,
    )


def move_view(move: Move, spoken: Microversion) -> dict[str, Any]:
    """Show a migration. Flavors have numbers here: one whose id is none has null."""
    view = {
        "id": move.id,
        "instance_uuid": move.server_id,
        "status": move.status,
        "source_compute": move.host,
        "source_node": move.host,
        "dest_compute": move.host,
        "dest_host": None,
        "dest_node": move.host,
        "old_instance_type_id": _number(move.old_flavor_id),
        "new_instance_type_id": _number(move.new_flavor_id),
        "created_at": iso_micros(move.created_at),
        "updated_at": iso_micros(move.updated_at),
    }
    if spoken.has(changes.MIGRATION_TYPE):
        view["migration_type"] = move.kind
    if spoken.has(changes.MIGRATION_PAGING):
        view["uuid"] = move.uuid
    if spoken.has(changes.MIGRATION_OWNER):
        view |= {"user_id": move.user_id, "project_id": move.project_id}
    return view


def _known(spoken: Microversion) -> tuple[str, ...]:
    known: tuple[str, ...] = (*PLAIN, "limit", "marker", "changes-since")
    if spoken.has(changes.CHANGES_BEFORE):
        known += ("changes-before",)
    if spoken.has(changes.MIGRATION_OWNER):
        known += ("user_id", "project_id")
    return known


def _time(args: Mapping[str, str], name: str) -> datetime | None:
    text = args.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{name}: must be a time, as 2026-01-01T00:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
