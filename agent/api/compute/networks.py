# SPDX-License-Identifier: Apache-2.0
"""/os-networks and /os-tenant-networks: what the Compute API says of networks, to version 2.35."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import caller, cloud
from agent.model.network import Network, Subnet

routes = Blueprint("networks", __name__)

FIELDS = (
    *("cidr", "netmask", "gateway", "broadcast", "dns1", "dns2"),
    *("cidr_v6", "gateway_v6", "netmask_v6"),
)
"""Fields of the days before there was a network service: always null, as everywhere now."""

ADMIN_FIELDS = (
    *("created_at", "updated_at", "deleted_at", "deleted", "injected", "bridge", "vlan"),
    *("vpn_public_address", "vpn_public_port", "vpn_private_address", "dhcp_start", "project_id"),
    *("host", "bridge_interface", "multi_host", "priority", "rxtx_base", "mtu", "dhcp_server"),
    *("enable_dhcp", "share_address"),
)
"""The same, for administrators."""


@routes.get("/os-networks")
def list_networks() -> Response:
    """List the networks that the caller sees, by id and name."""
    return jsonify(networks=[_view(each) for each in cloud().networking.list_networks(caller())])


@routes.get("/os-networks/<network_id>")
def show_network(network_id: str) -> Response:
    """Show one network by id and name."""
    return jsonify(network=_view(cloud().networking.get_network(caller(), network_id)))


@routes.get("/os-tenant-networks")
def list_tenant_networks() -> Response:
    """List the networks that the caller sees, with their addresses."""
    subnets = {each.network_id: each for each in cloud().networking.list_subnets(caller())}
    networks = cloud().networking.list_networks(caller())
    return jsonify(networks=[_brief(each, subnets.get(each.id)) for each in networks])


@routes.get("/os-tenant-networks/<network_id>")
def show_tenant_network(network_id: str) -> Response:
    """Show one network with its addresses."""
    network = cloud().networking.get_network(caller(), network_id)
    subnets = {each.network_id: each for each in cloud().networking.list_subnets(caller())}
    return jsonify(network=_brief(network, subnets.get(network.id)))


def _view(network: Network) -> dict[str, Any]:
    names = (*FIELDS, *ADMIN_FIELDS) if caller().is_admin else FIELDS
    return {"id": network.id, "label": network.name, **dict.fromkeys(names)}


def _brief(network: Network, subnet: Subnet | None) -> dict[str, Any]:
    cidr = subnet.cidr if subnet else None
    return {"id": network.id, "label": network.name, "cidr": cidr}
