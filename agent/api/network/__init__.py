# SPDX-License-Identifier: Apache-2.0
"""The Networking API v2.0 below /network: networks, subnets, ports and what belongs to them."""

from __future__ import annotations

from flask import Blueprint

from agent.api.network import about, changes, floating, resources, security, tags, versions

network_versions = versions.routes

network = Blueprint("network", __name__, url_prefix="/network/v2.0")
for module in (resources, changes, floating, tags, security, about):
    network.register_blueprint(module.routes)
