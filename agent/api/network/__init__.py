# SPDX-License-Identifier: Apache-2.0
"""The Networking API v2.0 below /network: networks, subnets and ports, to look at."""

from __future__ import annotations

from flask import Blueprint

from agent.api.network import resources, versions

network_versions = versions.routes

network = Blueprint("network", __name__, url_prefix="/network/v2.0")
network.register_blueprint(resources.routes)
