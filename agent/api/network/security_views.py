# SPDX-License-Identifier: Apache-2.0
"""Security groups and their rules as the Networking API v2.0 shows them. Pure."""

from __future__ import annotations

from typing import Any

from agent.api.replies import iso_seconds
from agent.model.securitygroup import Rule, SecurityGroup


def group_view(group: SecurityGroup) -> dict[str, Any]:
    """Show a group with its rules."""
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "tenant_id": group.project_id,
        "project_id": group.project_id,
        "stateful": True,
        "shared": False,
        "security_group_rules": [rule_view(group, rule) for rule in group.rules],
        "tags": list(group.tags),
        "revision_number": group.revision,
        "created_at": iso_seconds(group.created_at),
        "updated_at": iso_seconds(group.updated_at),
    }


def rule_view(group: SecurityGroup, rule: Rule) -> dict[str, Any]:
    """Show a rule, which never changes."""
    created = iso_seconds(rule.created_at)
    return {
        "id": rule.id,
        "security_group_id": rule.group_id,
        "direction": rule.direction,
        "ethertype": rule.ethertype,
        "protocol": rule.protocol_given or rule.protocol,
        "port_range_min": rule.port_min,
        "port_range_max": rule.port_max,
        "remote_ip_prefix": rule.remote_prefix,
        "normalized_cidr": rule.remote_network,
        "remote_group_id": rule.remote_group_id,
        "remote_address_group_id": None,
        "description": rule.description,
        "tenant_id": group.project_id,
        "project_id": group.project_id,
        "tags": [],
        "revision_number": 0,
        "created_at": created,
        "updated_at": created,
    }
