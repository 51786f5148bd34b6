# SPDX-License-Identifier: Apache-2.0
"""/networks, /subnets, /ports, to look at."""

from __future__ import annotations

from flask import Blueprint, Response

from agent.api.context import caller, cloud
from agent.api.network.query import list_views, show_view
from agent.api.network.views import network_view, port_view, subnet_view
from agent.model.network import Subnet

routes = Blueprint("network_resources", __name__)


@routes.get("/networks")
def list_networks() -> Response:
    """List the networks that the caller sees."""
    networking = cloud().networking
    subnets = networking.list_subnets(caller())
    networks = networking.list_networks(caller())
    return list_views("networks", (network_view(network, subnets) for network in networks))


@routes.get("/networks/<network_id>")
def show_network(network_id: str) -> Response:
    """Show one network."""
    networking = cloud().networking
    network = networking.get_network(caller(), network_id)
    return show_view("network", network_view(network, networking.list_subnets(caller())))


@routes.get("/subnets")
def list_subnets() -> Response:
    """List the subnets of the networks that the caller sees."""
    networks = {network.id: network for network in cloud().networking.list_networks(caller())}
    subnets = cloud().networking.list_subnets(caller())
    seen = [subnet for subnet in subnets if subnet.network_id in networks]
    return list_views("subnets", (subnet_view(s, networks[s.network_id].project_id) for s in seen))


@routes.get("/subnets/<subnet_id>")
def show_subnet(subnet_id: str) -> Response:
    """Show one subnet."""
    subnet: Subnet = cloud().networking.get_subnet(caller(), subnet_id)
    network = cloud().networking.get_network(caller(), subnet.network_id)
    return show_view("subnet", subnet_view(subnet, network.project_id))


@routes.get("/ports")
def list_ports() -> Response:
    """List the ports of the caller's project."""
    return list_views("ports", map(port_view, cloud().networking.list_ports(caller())))


@routes.get("/ports/<port_id>")
def show_port(port_id: str) -> Response:
    """Show one port."""
    return show_view("port", port_view(cloud().networking.get_port(caller(), port_id)))
