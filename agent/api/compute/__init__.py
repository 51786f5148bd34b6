# SPDX-License-Identifier: Apache-2.0
"""The Compute API below /compute: its routes, behind a version."""

from __future__ import annotations

from flask import Blueprint, g, request

from agent.api import changes, microversion
from agent.api.compute import (
    actions,
    aggregates,
    availability_zones,
    consoles,
    diagnostics,
    extensions,
    external_events,
    flavors,
    floating_ips,
    hosts,
    hypervisors,
    images,
    instance_actions,
    interfaces,
    keypairs,
    limits,
    migrations,
    networks,
    quota_sets,
    security_groups,
    server_groups,
    server_ips,
    server_metadata,
    server_password,
    server_tags,
    servers,
    services,
    tenant_usage,
    topology,
    usage_audits,
    versions,
    volume_attachments,
)
from agent.api.context import cloud
from agent.errors import NotFound

compute_versions = versions.routes

compute = Blueprint("compute", __name__, url_prefix="/compute/v2.1")


@compute.before_request
def negotiate_version() -> None:
    """Learn which version the request speaks; `NotFound` for a route that it does not have."""
    maximum = microversion.Microversion.parse(cloud().config.max_microversion)
    g.microversion = microversion.negotiate(request.headers, maximum)
    if request.url_rule is not None:
        check_route(request.method, request.url_rule.rule.removeprefix(compute.url_prefix or ""))


def check_route(method: str, rule: str) -> None:
    """Raise `NotFound` when the request's version has no such route."""
    minor = g.microversion.minor
    spans = (changes.ROUTES.get(rule), changes.ROUTES.get(f"{method} {rule}"))
    if not all(span is None or span.holds(minor) for span in spans):
        raise NotFound(f"API version '{g.microversion}' is not supported on this method.")


for module in (
    servers,
    server_metadata,
    server_tags,
    server_ips,
    server_password,
    actions,
    consoles,
    diagnostics,
    instance_actions,
    interfaces,
    security_groups,
    floating_ips,
    networks,
    keypairs,
    extensions,
    flavors,
    images,
    limits,
    server_groups,
    hypervisors,
    services,
    aggregates,
    availability_zones,
    hosts,
    migrations,
    external_events,
    quota_sets,
    tenant_usage,
    usage_audits,
    topology,
    volume_attachments,
):
    compute.register_blueprint(module.routes)
