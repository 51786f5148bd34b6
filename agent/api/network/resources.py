# SPDX-License-Identifier: Apache-2.0
"""/networks, /subnets, /ports, and empty lists of what this cloud does not have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from agent.api.context import caller, cloud
from agent.api.network.query import choose_fields, select
from agent.api.network.views import network_view, port_view, subnet_view
from agent.model.network import Subnet

routes = Blueprint("network_resources", __name__)


@routes.get("/networks")
def list_networks() -> Response:
    """List the networks that the caller sees."""
    networking = cloud().networking
    subnets = networking.list_subnets(caller())
    networks = networking.list_networks(caller())
    return _list("networks", (network_view(network, subnets) for network in networks))


@routes.get("/networks/<network_id>")
def show_network(network_id: str) -> Response:
    """Show one network."""
    networking = cloud().networking
    network = networking.get_network(caller(), network_id)
    return _show("network", network_view(network, networking.list_subnets(caller())))


@routes.get("/subnets")
def list_subnets() -> Response:
    """List the subnets of the networks that the caller sees."""
    networks = {network.id: network for network in cloud().networking.list_networks(caller())}
    subnets = cloud().networking.list_subnets(caller())
    return _list("subnets", (subnet_view(s, networks[s.network_id].project_id) for s in subnets))


@routes.get("/subnets/<subnet_id>")
def show_subnet(subnet_id: str) -> Response:
    """Show one subnet."""
    subnet: Subnet = cloud().networking.get_subnet(caller(), subnet_id)
    network = cloud().networking.get_network(caller(), subnet.network_id)
    return _show("subnet", subnet_view(subnet, network.project_id))


@routes.get("/ports")
def list_ports() -> Response:
    """List the ports of the caller's project."""
    return _list("ports", (port_view(port) for port in cloud().networking.list_ports(caller())))


@routes.get("/ports/<port_id>")
def show_port(port_id: str) -> Response:
    """Show one port."""
    return _show("port", port_view(cloud().networking.get_port(caller(), port_id)))


@routes.get("/extensions")
def list_extensions() -> Response:
    """List the extensions: none."""
    return jsonify(extensions=[])


@routes.get("/security-groups")
def list_security_groups() -> Response:
    """List the security groups: none, for none would be enforced."""
    return jsonify(security_groups=[])


@routes.get("/routers")
def list_routers() -> Response:
    """List the routers: none."""
    return jsonify(routers=[])


@routes.get("/floatingips")
def list_floating_ips() -> Response:
    """List the floating addresses: none."""
    return jsonify(floatingips=[])


def _list(name: str, views: Iterable[dict[str, Any]]) -> Response:
    query = request.args.to_dict(flat=False)
    fields = query.get("fields", [])
    return jsonify({name: [choose_fields(view, fields) for view in select(views, query)]})


def _show(name: str, view: dict[str, Any]) -> Response:
    return jsonify({name: choose_fields(view, request.args.getlist("fields"))})
