# SPDX-License-Identifier: Apache-2.0
"""Networks, subnets and ports as the Networking API v2.0 shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.api.replies import iso_seconds
from agent.model.floating import EXTERNAL, FloatingIp
from agent.model.network import Network, Port, Subnet


def network_view(network: Network, subnets: Sequence[Subnet]) -> dict[str, Any]:
    """Show a network with the ids of its subnets."""
    return {
        "id": network.id,
        "name": network.name,
        "description": network.description,
        "tenant_id": network.project_id,
        "project_id": network.project_id,
        "admin_state_up": True,
        "status": "ACTIVE",
        "shared": network.shared,
        "router:external": network.mode == EXTERNAL,
        "port_security_enabled": True,
        "mtu": network.mtu,
        "subnets": [subnet.id for subnet in subnets if subnet.network_id == network.id],
        "availability_zone_hints": [],
        "availability_zones": [],
        "tags": list(network.tags),
        **_changes(network),
    }


def subnet_view(subnet: Subnet, project_id: str) -> dict[str, Any]:
    """Show a subnet; its project is its network's."""
    return {
        "id": subnet.id,
        "name": subnet.name,
        "description": subnet.description,
        "network_id": subnet.network_id,
        "tenant_id": project_id,
        "project_id": project_id,
        "ip_version": 4,
        "cidr": subnet.cidr,
        "gateway_ip": subnet.gateway_ip if subnet.has_gateway else None,
        "enable_dhcp": subnet.dhcp,
        "allocation_pools": [{"start": start, "end": end} for start, end in subnet.pools],
        "dns_nameservers": list(subnet.dns),
        "host_routes": [],
        "ipv6_address_mode": None,
        "ipv6_ra_mode": None,
        "subnetpool_id": None,
        "service_types": [],
        "tags": list(subnet.tags),
        **_changes(subnet),
    }


def floating_ip_view(
    floating_ip: FloatingIp, network_id: str, *, is_active: bool
) -> dict[str, Any]:
    """Show a floating address of the external network."""
    return {
        "id": floating_ip.id,
        "floating_ip_address": floating_ip.ip,
        "floating_network_id": network_id,
        "fixed_ip_address": floating_ip.fixed_ip,
        "port_id": floating_ip.port_id,
        "router_id": None,
        "status": "ACTIVE" if is_active else "DOWN",
        "description": floating_ip.description,
        "tenant_id": floating_ip.project_id,
        "project_id": floating_ip.project_id,
        "tags": list(floating_ip.tags),
        **_changes(floating_ip),
    }


def port_view(port: Port) -> dict[str, Any]:
    """Show a port."""
    return {
        "id": port.id,
        "name": port.name,
        "description": port.description,
        "network_id": port.network_id,
        "tenant_id": port.project_id,
        "project_id": port.project_id,
        "admin_state_up": True,
        "status": port_status(port),
        "mac_address": port.mac,
        "fixed_ips": [{"subnet_id": port.subnet_id, "ip_address": port.ip}],
        "device_id": port.server_id or "",
        "device_owner": "compute:nova" if port.server_id else "",
        "binding:vnic_type": "normal",
        "port_security_enabled": True,
        "security_groups": list(port.security_groups),
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "tags": list(port.tags),
        **_changes(port),
    }


def port_status(port: Port) -> str:
    """Say whether anything is plugged in."""
    return "ACTIVE" if port.server_id else "DOWN"


def _changes(of: Network | Subnet | Port | FloatingIp) -> dict[str, Any]:
    created = iso_seconds(of.created_at)
    return {
        "created_at": created,
        "updated_at": iso_seconds(of.updated_at) if of.updated_at else created,
        "revision_number": of.revision,
    }
