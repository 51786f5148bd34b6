# SPDX-License-Identifier: Apache-2.0
"""/os-hosts, until 2.42: hosts by their services, and what projects use of one; for administrators.

What would turn the machine off and on, or empty it, is not supported (501): it is the operator's,
as with the standard's own driver for libvirt.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.compute.hypervisor_views import numbers_view
from agent.api.context import cloud
from agent.errors import NotFound, NotSupported
from agent.hosts import SeenHost

routes = Blueprint("hosts", __name__)

_ON_OFF = {"enum": [word for on in ("enable", "disable") for word in (on, on.title(), on.upper())]}

UPDATE_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "properties": {"status": _ON_OFF, "maintenance_mode": _ON_OFF},
        "additionalProperties": False,
        "minProperties": 1,
    }
)


@routes.get("/os-hosts")
def list_hosts() -> Response:
    """List the services that are not disabled, of one zone if the query names it."""
    zone = request.args.get("zone")
    hosts = [
        {
            "host_name": service.host,
            "service": service.binary.removeprefix("nova-"),
            "zone": service.zone,
        }
        for service in cloud().hosts.list_services()
        if not service.disabled and (not zone or service.zone == zone)
    ]
    return jsonify(hosts=hosts)


@routes.get("/os-hosts/<host_name>")
def show(host_name: str) -> Response:
    """Show what a host has, what is claimed of it, and by which project."""
    host = _find(host_name)
    numbers, total = numbers_view(host), host.total
    has = numbers["vcpus"], numbers["memory_mb"], numbers["local_gb"]
    used = numbers["vcpus_used"], numbers["memory_mb_used"], numbers["local_gb_used"]
    rows = {
        "(total)": has,
        "(used_now)": used,
        "(used_max)": (total.vcpus, total.ram_mb, total.disk_gb),
    }
    for part in host.usage:
        rows[part.project_id] = (part.usage.vcpus, part.usage.ram_mb, part.usage.disk_gb)
    return jsonify(host=[resource_view(host_name, *row) for row in rows.items()])


@routes.put("/os-hosts/<host_name>")
def update(host_name: str) -> Response:
    """Refuse to enable or disable a host in this way."""
    json_body(UPDATE_SCHEMA)
    _find(host_name)
    raise NotSupported(
        "Hosts are not enabled or disabled in this way: disable the service nova-compute of the "
        "host (PUT /os-services/disable)."
    )


@routes.get("/os-hosts/<host_name>/startup")
@routes.get("/os-hosts/<host_name>/shutdown")
@routes.get("/os-hosts/<host_name>/reboot")
def power(host_name: str) -> Response:
    """Refuse to turn a host on or off."""
    _find(host_name)
    raise NotSupported("The machine that servers run on is not turned on or off by this API.")


def resource_view(host: str, project: str, amounts: tuple[int, int, int]) -> dict[str, Any]:
    """Show amounts of vCPUs, MiB of RAM and GiB of disk."""
    vcpus, ram_mb, disk_gb = amounts
    names = {"host": host, "project": project}
    return {"resource": {**names, "cpu": vcpus, "memory_mb": ram_mb, "disk_gb": disk_gb}}


def _find(name: str) -> SeenHost:
    for host in cloud().hosts.list_hosts():
        if host.record.name == name:
            return host
    raise NotFound(f"Compute host {name[:60]} could not be found.")
