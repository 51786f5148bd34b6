# SPDX-License-Identifier: Apache-2.0
"""/os-floating-ips and their pools: what the Compute API says of them, to version 2.35.

Conflicts of the network service are answered as Nova does: with 403 for a spent quota, else 404 for
a pool that has no more.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.context import caller, cloud
from agent.api.replies import empty
from agent.errors import NotFound, OverQuota
from agent.floatingips import NewFloatingIp
from agent.model.floating import FloatingIp, NoneLeftError, SpentError
from agent.model.network import Network

routes = Blueprint("floating_ips", __name__)

_NEW = Draft202012Validator(
    {
        "type": ["object", "null"],
        "properties": {"pool": {"type": ["string", "null"], "maxLength": 255}},
    }
)


@routes.get("/os-floating-ip-pools")
def list_pools() -> Response:
    """List the pools by name: one, or none."""
    external = cloud().networking.external
    return jsonify(floating_ip_pools=[{"name": external.name}] if external else [])


@routes.get("/os-floating-ips")
def list_floating_ips() -> Response:
    """List the floating addresses of the caller's project."""
    found = cloud().floating_ips.list(caller())
    own = [each for each in found if each.project_id == caller().project.id]
    return jsonify(floating_ips=list(map(_view, own)))


@routes.post("/os-floating-ips")
def create_floating_ip() -> Response:
    """Take a floating address of the pool, whose name or id may be given."""
    pool = _find_pool(json_body(_NEW).get("pool"))
    try:
        made = cloud().floating_ips.create(caller(), NewFloatingIp(pool.id))
    except SpentError as error:
        raise OverQuota(f"IP allocation over quota in pool {pool.name}. {error.message}") from error
    except NoneLeftError as error:
        raise NotFound(error.message) from error
    return jsonify(floating_ip=_view(made))


@routes.get("/os-floating-ips/<floating_ip_id>")
def show_floating_ip(floating_ip_id: str) -> Response:
    """Show one floating address."""
    return jsonify(floating_ip=_view(_get(floating_ip_id)))


@routes.delete("/os-floating-ips/<floating_ip_id>")
def delete_floating_ip(floating_ip_id: str) -> Response:
    """Give a floating address back."""
    cloud().floating_ips.delete(caller(), _get(floating_ip_id).id)
    return empty(202)


def _get(its_id: str) -> FloatingIp:
    try:
        return cloud().floating_ips.get(caller(), its_id)
    except NotFound as error:
        raise NotFound(f"Floating IP not found for ID {its_id[:64]}") from error


def _find_pool(named: str | None) -> Network:
    external = cloud().networking.external
    if external is None or named not in (None, external.name, external.id):
        raise NotFound("Floating IP pool not found.")
    return external


def _view(floating_ip: FloatingIp) -> dict[str, Any]:
    external = cloud().networking.external
    return {
        "id": floating_ip.id,
        "ip": floating_ip.ip,
        "fixed_ip": floating_ip.fixed_ip,
        "instance_id": floating_ip.server_id,
        "pool": external.name if external else None,
    }
