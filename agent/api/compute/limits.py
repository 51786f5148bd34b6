# SPDX-License-Identifier: Apache-2.0
"""/limits: what a project may use, what it uses, and what one request may hold."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import caller, cloud
from agent.config import Config
from agent.model.quota import Usage

routes = Blueprint("limits", __name__)


@routes.get("/limits")
def show() -> Response:
    """Show the limits of the caller's project."""
    return jsonify(limits=limits_view(cloud().config, cloud().compute.usage(caller())))


def limits_view(config: Config, usage: Usage) -> dict[str, Any]:
    """Show the limits; -1 stands for what this cloud does not limit."""
    quota, limits = config.quota, config.limits
    absolute = {
        "maxTotalInstances": quota.instances,
        "maxTotalCores": quota.cores,
        "maxTotalRAMSize": quota.ram_mb,
        "totalInstancesUsed": usage.instances,
        "totalCoresUsed": usage.cores,
        "totalRAMUsed": usage.ram_mb,
        "maxServerMeta": limits.server_metadata,
        "maxImageMeta": limits.image_metadata,
        "maxPersonality": limits.personality,
        "maxPersonalitySize": limits.personality_bytes,
        "maxTotalKeypairs": quota.keypairs,
        "maxServerGroups": 10,
        "maxServerGroupMembers": 10,
        "totalServerGroupsUsed": 0,
        "maxSecurityGroups": -1,
        "maxSecurityGroupRules": -1,
        "totalSecurityGroupsUsed": 0,
        "maxTotalFloatingIps": -1,
        "totalFloatingIpsUsed": 0,
    }
    return {"rate": [], "absolute": absolute}
