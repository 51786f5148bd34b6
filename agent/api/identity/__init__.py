# SPDX-License-Identifier: Apache-2.0
"""The Identity API v3 below /identity: tokens, accounts, application credentials, the catalog."""

from __future__ import annotations

from flask import Blueprint

from agent.api.identity import app_credentials, places, projects, roles, tokens, users, versions

identity_versions = versions.routes

identity = Blueprint("identity", __name__, url_prefix="/identity/v3")

for module in (tokens, projects, users, roles, app_credentials, places):
    identity.register_blueprint(module.routes)
