# SPDX-License-Identifier: Apache-2.0
"""/servers: create, list, show, update, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request

from agent.api.body import json_body
from agent.api.compute.paging import next_links, parse_page
from agent.api.compute.server_filters import parse_filters
from agent.api.compute.server_parse import parse_create, parse_update, wants_reservation
from agent.api.compute.server_schemas import create_schema, update_schema
from agent.api.compute.server_views import (
    Viewing,
    brief_view,
    created_view,
    server_view,
    updated_view,
)
from agent.api.context import asking, base_url, caller, cloud, version
from agent.api.rendering import rendered
from agent.api.replies import empty
from agent.model.server import Server

routes = Blueprint("servers", __name__)


@routes.post("/servers")
def create() -> Response:
    """Begin to build a server, or several."""
    body = json_body(create_schema(version()))
    most = cloud().quotas.quota_of(caller().project.id).metadata_items
    spec = parse_create(body, version(), most)
    created = cloud().creation.create_server(asking(), spec)
    server = created.server
    if wants_reservation(body):
        response = jsonify(reservation_id=server.reservation_id)
    else:
        groups = spec.security_groups
        response = jsonify(server=created_view(server, created.admin_pass, groups, base_url()))
        response.headers["Location"] = f"{base_url()}/compute/v2.1/servers/{server.id}"
    response.status_code = 202
    return response


@routes.get("/servers")
def list_brief() -> Response:
    """List the project's servers by id and name."""
    base = base_url()
    return _list("/servers", lambda server: brief_view(server, base))


@routes.get("/servers/detail")
def list_detail() -> Response:
    """List the project's servers with nearly all that is shown of one."""
    seen = viewing()
    return _list("/servers/detail", lambda server: server_view(server, seen))


@routes.get("/servers/<server_id>")
def show(server_id: str) -> Response:
    """Show one server."""
    server = cloud().compute.get_server(asking(), server_id)
    return jsonify(server=server_view(server, viewing(), with_groups=True))


@routes.put("/servers/<server_id>")
def update(server_id: str) -> Response:
    """Set what a server is called, and the addresses that it is said to be reached at."""
    change = parse_update(json_body(update_schema(version())))
    server = cloud().records.update(asking(), server_id, change)
    return jsonify(server=updated_view(server, viewing()))


@routes.delete("/servers/<server_id>")
def delete(server_id: str) -> Response:
    """Begin to delete a server."""
    cloud().compute.act(asking(), server_id, "delete")
    return empty(204)


def viewing() -> Viewing:
    """For whom this request's servers are shown."""
    return Viewing(
        base=base_url(),
        version=version(),
        for_admin=caller().is_admin,
        is_host_known=cloud().compute.is_host_known(),
    )


def _list(path: str, view: Callable[[Server], dict[str, Any]]) -> Response:
    page = parse_page(request.args)
    wanted = parse_filters(request.args, version(), is_admin=caller().is_admin)
    shown: Sequence[tuple[str, Any]] = (
        cloud().compute.show_servers(
            asking(),
            wanted,
            lambda server: (server.id, rendered(view(server))),
            limit=page.limit,
            marker=page.marker,
        )
        if page.limit and wanted
        else ()
    )
    body: dict[str, Any] = {"servers": [server for _, server in shown]}
    if shown and len(shown) == page.limit:
        last_id, _ = shown[-1]
        url = f"{base_url()}/compute/v2.1{path}"
        body["servers_links"] = next_links(url, request.args, page, last_id)
    return jsonify(body)
