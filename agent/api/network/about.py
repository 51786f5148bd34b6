# SPDX-License-Identifier: Apache-2.0
"""What the network service can do, and how much of it: extensions, quotas, and empty lists."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.context import caller, cloud
from agent.api.replies import empty
from agent.errors import BadRequest, NotFound

routes = Blueprint("network_about", __name__)

EXTENSIONS = {
    "quotas": "Quota management support",
    "security-group": "security-group",
    "security-groups-normalized-cidr": "Normalized CIDR field for security group rules",
    "binding": "Port Binding",
    "net-mtu": "Network MTU",
    "project-id": "project_id field enabled",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-timestamp": "Resource timestamps",
    "standard-attr-revisions": "Resource revision numbers",
    "standard-attr-tag": "Tag support for resources with standard attribute: network, subnet, "
    "port, security_group, floatingip",
}
"""The extensions whose attributes are shown, by their aliases."""

OF_A_POOL = {"router": "Neutron L3 Router", "external-net": "Neutron external network"}
"""The same, where the configuration has floating addresses: clients know by these."""

SETTABLE = {
    "security_group": "security_groups",
    "security_group_rule": "security_group_rules",
    "floatingip": "floating_ips",
}
"""The quotas that a project may have of its own, with their names in the Compute API."""

_QUOTAS = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "quota": {
                "type": "object",
                "properties": {"force": {"type": "boolean"}, "check_limit": {"type": "boolean"}},
                "additionalProperties": {"type": "integer", "minimum": -1, "maximum": 2**31 - 1},
            }
        },
        "required": ["quota"],
        "additionalProperties": False,
    }
)


@routes.get("/extensions")
def list_extensions() -> Response:
    """List the extensions."""
    return jsonify(extensions=[_extension(*each) for each in _extensions().items()])


@routes.get("/extensions/<extension>")
def show_extension(extension: str) -> Response:
    """Show one extension."""
    name = _extensions().get(extension)
    if name is None:
        raise NotFound(f"Extension with alias {extension} does not exist")
    return jsonify(extension=_extension(extension, name))


@routes.get("/quotas/<project_id>")
def show_quotas(project_id: str) -> Response:
    """Show what a project may have."""
    return jsonify(quota=_quotas(project_id))


@routes.put("/quotas/<project_id>")
def set_quotas(project_id: str) -> Response:
    """Set what a project may have of its own (`SETTABLE`); the rest is as it is for all."""
    asked = json_body(_QUOTAS)["quota"]
    is_checked = asked.pop("check_limit", False)
    asked.pop("force", None)
    quotas = _quotas(project_id)
    for name, most in asked.items():
        if name not in quotas:
            raise BadRequest(f"{name[:60]}: there is no such quota.")
        if name not in SETTABLE and most != quotas[name]:
            raise BadRequest(
                f"{name}: it is {quotas[name]} for each project, by the configuration."
            )
    limits = {SETTABLE[name]: most for name, most in asked.items() if name in SETTABLE}
    cloud().quotas.set(caller(), project_id, limits, force=not is_checked)
    return jsonify(quota=_quotas(project_id))


@routes.delete("/quotas/<project_id>")
def reset_quotas(project_id: str) -> Response:
    """Let the defaults count again for a project: of what it may have of its own here."""
    _quotas(project_id)
    cloud().quotas.reset(project_id, resources=SETTABLE.values())
    return empty(204)


@routes.get("/quotas/<project_id>/default")
def show_default_quotas(project_id: str) -> Response:
    """Show what a project may have when nobody says otherwise: all have the same."""
    return jsonify(quota=_quotas(project_id))


@routes.get("/quotas/<project_id>/details")
@routes.get("/quotas/<project_id>/details.json")
def show_quota_details(project_id: str) -> Response:
    """Show what a project may have and has."""
    quotas = _quotas(project_id)
    used = {
        **cloud().networking.count(project_id),
        **cloud().security_groups.count(project_id),
        "floatingip": cloud().quotas.usage(caller(), project_id).floating_ips,
    }
    return jsonify(
        quota={
            name: {"limit": limit, "used": used.get(name, 0), "reserved": 0}
            for name, limit in quotas.items()
        }
    )


@routes.get("/routers")
def list_routers() -> Response:
    """List the routers: none."""
    return jsonify(routers=[])


@routes.get("/agents")
def list_agents() -> Response:
    """List the agents: none, libvirt does the work."""
    return jsonify(agents=[])


@routes.get("/availability_zones")
def list_zones() -> Response:
    """List the zones of the network service: none."""
    return jsonify(availability_zones=[])


def _extensions() -> dict[str, str]:
    return {**EXTENSIONS, **(OF_A_POOL if cloud().floating_ips.pool else {})}


def _extension(alias: str, name: str) -> dict[str, object]:
    return {
        "alias": alias,
        "name": name,
        "description": "",
        "updated": "2026-01-01T00:00:00-00:00",
        "links": [],
    }


def _quotas(project_id: str) -> dict[str, int]:
    if project_id != caller().project.id and not caller().is_admin:
        raise NotFound(f"Project {project_id} could not be found.")
    quota, own = cloud().config.quota, cloud().quotas.quota_of(project_id)
    return {
        "network": quota.networks,
        "subnet": quota.networks,  # a network has one
        "port": quota.ports,
        "router": 0,
        "floatingip": own.floating_ips,
        "security_group": own.security_groups,
        "security_group_rule": own.security_group_rules,
        "subnetpool": 0,
        "rbac_policy": 0,
    }
