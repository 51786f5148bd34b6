# SPDX-License-Identifier: Apache-2.0
"""/os-availability-zone: the zones, and for administrators what runs in them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import cloud
from agent.api.replies import iso_micros
from agent.hosts import Service

routes = Blueprint("availability_zones", __name__)


@routes.get("/os-availability-zone")
def list_brief() -> Response:
    """List the zones that servers can be in."""
    zones = sorted(cloud().hosts.zones().items())
    return jsonify(availabilityZoneInfo=[zone_view(name, takes, None) for name, takes in zones])


@routes.get("/os-availability-zone/detail")
def list_detail() -> Response:
    """List all zones, each with its hosts and their services that are not disabled."""
    shown: dict[str, Any] = dict.fromkeys(cloud().hosts.zones())
    for service in cloud().hosts.list_services():
        if not service.disabled:
            hosts = shown[service.zone] = shown.get(service.zone) or {}
            hosts.setdefault(service.host, {})[service.binary] = _service_view(service)
    return jsonify(
        availabilityZoneInfo=[
            zone_view(name, hosts is not None, hosts) for name, hosts in sorted(shown.items())
        ]
    )


def zone_view(name: str, takes_servers: bool, hosts: dict[str, Any] | None) -> dict[str, Any]:
    """Show a zone; it is available when one of its hosts takes new servers."""
    return {"zoneName": name, "zoneState": {"available": takes_servers}, "hosts": hosts}


def _service_view(service: Service) -> dict[str, Any]:
    return {
        "available": service.is_up,
        "active": not service.disabled,
        "updated_at": iso_micros(service.updated_at),
    }
