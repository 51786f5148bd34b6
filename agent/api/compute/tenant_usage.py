# SPDX-License-Identifier: Apache-2.0
"""/os-simple-tenant-usage: what projects used, by their servers' hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request

from agent.api import changes
from agent.api.compute.paging import MAX_LIMIT, Page, next_links, parse_page
from agent.api.compute.query import check_query
from agent.api.compute.usage_views import parse_period, usage_view
from agent.api.context import base_url, caller, cloud, version
from agent.model.usage import ServerUsage, by_project

routes = Blueprint("tenant_usage", __name__)

PATH = "/os-simple-tenant-usage"


@routes.get(PATH, strict_slashes=True)  # with a slash it is a project without an id: not found
def list_all() -> Response:
    """List what each project used that used anything."""
    page = _page("start", "end", "detailed")
    now = cloud().usages.now()
    period = parse_period(request.args, now)
    found = cloud().usages.list(period, limit=page.limit, marker=page.marker)
    detailed = request.args.get("detailed") == "1"
    views = [usage_view(each, period, now, detailed=detailed) for each in by_project(found)]
    return jsonify({"tenant_usages": views, **_links("tenant_usages_links", PATH, page, found)})


@routes.get(f"{PATH}/<project_id>")
def show(project_id: str) -> Response:
    """Show what one project used, by its servers; nothing at all when it used none."""
    page = _page("start", "end")
    now = cloud().usages.now()
    period = parse_period(request.args, now)
    found = cloud().usages.of_project(
        caller(), project_id, period, limit=page.limit, marker=page.marker
    )
    views = [usage_view(each, period, now, detailed=True) for each in by_project(found)]
    links = _links("tenant_usage_links", f"{PATH}/{project_id}", page, found)
    return jsonify({"tenant_usage": views[0] if views else {}, **links})


def _page(*known: str) -> Page:
    is_paged = version().has(changes.USAGE_PAGING)
    check_query(request.args, {*known, "limit", "marker"}, version())
    return parse_page(request.args) if is_paged else Page(MAX_LIMIT, None)


def _links(name: str, path: str, page: Page, found: Sequence[ServerUsage]) -> dict[str, Any]:
    if not version().has(changes.USAGE_PAGING) or not found or len(found) < page.limit:
        return {}
    url = f"{base_url()}/compute/v2.1{path}"
    return {name: next_links(url, request.args, page, found[-1].server_id)}
