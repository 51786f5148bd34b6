# SPDX-License-Identifier: Apache-2.0
"""The Compute API below /compute: its routes, behind a version."""

from __future__ import annotations

from flask import Blueprint, g, request

from agent.api import microversion
from agent.api.compute import (
    actions,
    diagnostics,
    flavors,
    instance_actions,
    keypairs,
    limits,
    server_ips,
    server_metadata,
    servers,
    versions,
)

compute_versions = versions.routes

compute = Blueprint("compute", __name__, url_prefix="/compute/v2.1")


@compute.before_request
def negotiate_version() -> None:
    """Learn which version the request speaks."""
    g.microversion = microversion.negotiate(request.headers)


for module in (
    servers,
    server_metadata,
    server_ips,
    actions,
    diagnostics,
    instance_actions,
    keypairs,
    flavors,
    limits,
):
    compute.register_blueprint(module.routes)
