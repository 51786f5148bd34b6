# SPDX-License-Identifier: Apache-2.0
"""/services, /endpoints, /regions and /domains: what this one process is, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import base_url, cloud
from agent.api.identity.replies import listing
from agent.api.identity.views import domain_view, endpoint_views, region_view, service_views
from agent.errors import NotFound

routes = Blueprint("places", __name__)


@routes.get("/services")
def list_services() -> Response:
    """List the services."""
    return listing("services", service_views(base_url(), _region()), "type", "name")


@routes.get("/services/<service_id>")
def show_service(service_id: str) -> Response:
    """Show one service."""
    return _one_of("service", service_views(base_url(), _region()), service_id)


@routes.get("/endpoints")
def list_endpoints() -> Response:
    """List the endpoints."""
    views = endpoint_views(base_url(), _region())
    return listing("endpoints", views, "interface", "service_id", "region_id")


@routes.get("/endpoints/<endpoint_id>")
def show_endpoint(endpoint_id: str) -> Response:
    """Show one endpoint."""
    return _one_of("endpoint", endpoint_views(base_url(), _region()), endpoint_id)


@routes.get("/regions")
def list_regions() -> Response:
    """List the regions: there is one."""
    return listing("regions", [region_view(base_url(), _region())], "parent_region_id")


@routes.get("/regions/<region_id>")
def show_region(region_id: str) -> Response:
    """Show one region."""
    return _one_of("region", [region_view(base_url(), _region())], region_id)


@routes.get("/domains")
def list_domains() -> Response:
    """List the domains: there is one."""
    return listing("domains", [domain_view(base_url())], "name", "enabled")


@routes.get("/domains/<domain_id>")
def show_domain(domain_id: str) -> Response:
    """Show one domain."""
    return _one_of("domain", [domain_view(base_url())], domain_id)


def _one_of(what: str, views: Sequence[dict[str, Any]], wanted: str) -> Response:
    for view in views:
        if view["id"] == wanted:
            return jsonify({what: view})
    raise NotFound(f"Could not find {what}: {wanted}.")


def _region() -> str:
    return cloud().config.region
