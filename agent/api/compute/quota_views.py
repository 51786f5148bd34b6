# SPDX-License-Identifier: Apache-2.0
"""Quotas and limits as each version of the Compute API shows them, and what may be set. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.microversion import Microversion
from agent.api.parse import BOOLEAN
from agent.api.schemas import body_of, closed
from agent.errors import BadRequest
from agent.model.quota import RESOURCES, Quota, Usage, limit_of, used_of

NETWORK = frozenset({"fixed_ips", "floating_ips", "security_groups", "security_group_rules"})
FILES = frozenset({"injected_files", "injected_file_content_bytes", "injected_file_path_bytes"})
GROUPS = frozenset({"server_groups", "server_group_members"})

MAX_INT = 2**31 - 1

_LIMIT: dict[str, Any] = {
    "type": ["integer", "string"],
    "pattern": r"^-?[0-9]{1,10}\Z",
    "minimum": -1,
    "maximum": MAX_INT,
    "description": f"a whole number from -1 (any number) to {MAX_INT}",
}


def shown_of_projects(version: Microversion) -> Sequence[str]:
    """What a project's quota shows, and lets be set."""
    hidden = NETWORK if version.has(changes.NO_PROXIES) else frozenset()
    return _without(hidden, version)


def shown_of_classes(version: Microversion) -> Sequence[str]:
    """What a class's quota shows."""
    return _without(NETWORK if version.has(changes.QUOTA_CLASS_GROUPS) else GROUPS, version)


@cache
def update_schema(version: Microversion) -> Draft202012Validator:
    """The schema of what is set for a project."""
    limits = dict.fromkeys(shown_of_projects(version), _LIMIT)
    return body_of("quota_set", closed({**limits, "force": BOOLEAN}))


@cache
def update_class_schema(version: Microversion) -> Draft202012Validator:
    """The schema of what is set for a class: of its groups too, before they are shown."""
    shown = {*shown_of_classes(version), *GROUPS}
    return body_of("quota_class_set", closed(dict.fromkeys(sorted(shown), _LIMIT)))


def parse_limits(asked: Mapping[str, Any]) -> Mapping[str, int]:
    """Read the limits of a body that fits the schema; `BadRequest` names one out of range."""
    limits = {name: int(most) for name, most in asked.items() if name in RESOURCES}
    for name, most in limits.items():
        if not -1 <= most <= MAX_INT:
            raise BadRequest(
                f"Invalid input for field/attribute {name}: it must be {_LIMIT['description']}."
            )
    return limits


def quota_view(quota: Quota, shown: Sequence[str], named: str | None = None) -> dict[str, Any]:
    """Show limits, under the id of whom they are, if it is `named`."""
    view = {resource: limit_of(quota, resource) for resource in shown}
    return view if named is None else {"id": named, **view}


def detail_view(quota: Quota, used: Usage, shown: Sequence[str], named: str) -> dict[str, Any]:
    """Show limits with what is used of each; nothing is ever only reserved here."""
    view: dict[str, Any] = {"id": named}
    for resource in shown:
        in_use = used_of(used, resource)
        view[resource] = {"limit": limit_of(quota, resource), "in_use": in_use, "reserved": 0}
    return view


def limits_view(
    quota: Quota, usage: Usage, image_metadata: int, version: Microversion
) -> dict[str, Any]:
    """Show the limits of a project; -1 stands for what is not limited."""
    absolute = {
        "maxTotalInstances": quota.instances,
        "maxTotalCores": quota.cores,
        "maxTotalRAMSize": quota.ram_mb,
        "totalInstancesUsed": usage.instances,
        "totalCoresUsed": usage.cores,
        "totalRAMUsed": usage.ram_mb,
        "maxServerMeta": quota.metadata_items,
        "maxTotalKeypairs": quota.key_pairs,
        "maxServerGroups": quota.server_groups,
        "maxServerGroupMembers": quota.server_group_members,
        "totalServerGroupsUsed": usage.server_groups,
    }
    if not version.has(changes.NO_IMAGE_METADATA):
        absolute["maxImageMeta"] = image_metadata
    if not version.has(changes.NO_PERSONALITY):
        absolute["maxPersonality"] = quota.injected_files
        absolute["maxPersonalitySize"] = quota.injected_file_content_bytes
    if not version.has(changes.NO_PROXIES):
        absolute |= {
            "maxSecurityGroups": quota.security_groups,
            "maxSecurityGroupRules": quota.security_group_rules,
            "totalSecurityGroupsUsed": usage.security_groups,
            "maxTotalFloatingIps": quota.floating_ips,
            "totalFloatingIpsUsed": usage.floating_ips,
        }
    return {"rate": [], "absolute": absolute}


def _without(hidden: frozenset[str], version: Microversion) -> Sequence[str]:
    if version.has(changes.NO_PERSONALITY):
        hidden |= FILES
    return [resource for resource in RESOURCES if resource not in hidden]
