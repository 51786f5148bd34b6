# SPDX-License-Identifier: Apache-2.0
"""The Identity API v3 below /identity: tokens, the catalog, the caller's projects."""

from __future__ import annotations

from flask import Blueprint

from agent.api.identity import projects, tokens, versions

identity_versions = versions.routes

identity = Blueprint("identity", __name__, url_prefix="/identity/v3")

for module in (tokens, projects):
    identity.register_blueprint(module.routes)
