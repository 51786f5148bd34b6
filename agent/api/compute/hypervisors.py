# SPDX-License-Identifier: Apache-2.0
"""/os-hypervisors: the hosts, what they have and what is claimed of them; for administrators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.datastructures import MultiDict

from agent.api import changes
from agent.api.compute.hypervisor_views import (
    brief_view,
    detail_view,
    servers_view,
    statistics_view,
)
from agent.api.compute.paging import MAX_LIMIT, Page, next_links, parse_page
from agent.api.compute.query import check_query
from agent.api.context import base_url, cloud, version
from agent.api.parse import parse_boolean, parse_uuid
from agent.errors import BadRequest, NotFound
from agent.hosts import SeenHost

routes = Blueprint("hypervisors", __name__)

LIST_QUERY = ("limit", "marker", "hypervisor_hostname_pattern", "with_servers")
View = Callable[[SeenHost], dict[str, Any]]


@routes.get("/os-hypervisors")
def list_brief() -> Response:
    """List the hypervisors by name."""
    return _list("/os-hypervisors", _brief)


@routes.get("/os-hypervisors/detail")
def list_detail() -> Response:
    """List the hypervisors with all that is shown of one."""
    return _list("/os-hypervisors/detail", _detail)


@routes.get("/os-hypervisors/statistics")
def statistics() -> Response:
    """Add up what all hypervisors have."""
    return jsonify(hypervisor_statistics=statistics_view(cloud().hosts.list_hosts()))


@routes.get("/os-hypervisors/<hypervisor_id>")
def show(hypervisor_id: str) -> Response:
    """Show one hypervisor."""
    check_query(request.args, ("with_servers",), version(), changes.UUIDS)
    host = _find(hypervisor_id)
    return jsonify(hypervisor={**_detail(host), **_asked_servers(host)})


@routes.get("/os-hypervisors/<hypervisor_id>/uptime")
def uptime(hypervisor_id: str) -> Response:
    """Show since when a hypervisor runs."""
    host = _find(hypervisor_id)
    line = cloud().hosts.uptime_of(host)
    if line is None:
        raise BadRequest(f"Compute service of {host.record.name} is unavailable at this time.")
    return jsonify(hypervisor={**_brief(host), "uptime": line})


@routes.get("/os-hypervisors/<pattern>/search")
def search(pattern: str) -> Response:
    """List the hypervisors whose names have this in them."""
    return jsonify(hypervisors=[_brief(host) for host in _matching(pattern)])


@routes.get("/os-hypervisors/<pattern>/servers")
def list_servers(pattern: str) -> Response:
    """The same, each with its servers, if it has any."""
    found = []
    for host in _matching(pattern):
        servers = cloud().hosts.list_servers(host.record.name)
        shown = {"servers": servers_view(servers)} if servers else {}
        found.append({**_brief(host), **shown})
    return jsonify(hypervisors=found)


def _list(path: str, view: View) -> Response:
    spoken, args = version(), request.args
    check_query(args, LIST_QUERY, spoken, changes.UUIDS)
    pattern = args.get("hypervisor_hostname_pattern") if spoken.has(changes.UUIDS) else None
    if pattern is not None:
        if "limit" in args or "marker" in args:
            raise BadRequest(
                "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is "
                "not supported."
            )
        return jsonify(hypervisors=_shown(_matching(pattern), view))
    hosts = cloud().hosts.list_hosts()
    if not spoken.has(changes.HYPERVISOR_PAGING):
        return jsonify(hypervisors=_shown(hosts, view))
    return jsonify(_page(hosts, path, view, args))


def _page(
    hosts: Sequence[SeenHost], path: str, view: View, args: MultiDict[str, str]
) -> dict[str, Any]:
    page = parse_page(args)
    rest = _after(hosts, page)
    shown = _shown(rest[: page.limit], view)
    body: dict[str, Any] = {"hypervisors": shown}
    if shown and len(shown) == page.limit < MAX_LIMIT:
        url = f"{base_url()}/compute/v2.1{path}"
        body["hypervisors_links"] = next_links(url, args, page, str(shown[-1]["id"]))
    return body


def _after(hosts: Sequence[SeenHost], page: Page) -> Sequence[SeenHost]:
    if page.marker is None:
        return hosts
    ids = [str(_brief(host)["id"]) for host in hosts]
    if page.marker not in ids:
        raise BadRequest(f"marker [{page.marker[:60]}] not found")
    return hosts[ids.index(page.marker) + 1 :]


def _shown(hosts: Sequence[SeenHost], view: View) -> list[dict[str, Any]]:
    return [{**view(host), **_asked_servers(host)} for host in hosts]


def _brief(host: SeenHost) -> dict[str, Any]:
    return brief_view(host, version())


def _detail(host: SeenHost) -> dict[str, Any]:
    trimmed = version().has(changes.HYPERVISOR_TRIMMED)
    return detail_view(host, version(), cloud().hosts.uptime_of(host) if trimmed else None)


def _asked_servers(host: SeenHost) -> dict[str, Any]:
    """The servers, where the query asks for them; none is an empty list from 2.75 on."""
    if not version().has(changes.UUIDS):
        return {}
    if not parse_boolean("with_servers", request.args.get("with_servers", "false")):
        return {}
    servers = cloud().hosts.list_servers(host.record.name)
    if not servers and not version().has(changes.STRICT):
        return {}
    return {"servers": servers_view(servers)}


def _matching(pattern: str) -> Sequence[SeenHost]:
    found = [host for host in cloud().hosts.list_hosts() if pattern in host.record.name]
    if not found:
        raise NotFound(f"No hypervisor matching '{pattern[:60]}' could be found.")
    return found


def _find(hypervisor_id: str) -> SeenHost:
    if version().has(changes.UUIDS) and parse_uuid(hypervisor_id) is None:
        raise BadRequest(f"Invalid uuid {hypervisor_id[:60]}")
    for host in cloud().hosts.list_hosts():
        if str(_brief(host)["id"]) == hypervisor_id:
            return host
    raise NotFound(f"Hypervisor with ID '{hypervisor_id[:60]}' could not be found.")
