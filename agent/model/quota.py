# SPDX-License-Identifier: Apache-2.0
"""What a project may use, and what it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that a project may use; -1 is any number."""

    instances: int = 10
    cores: int = 20
    ram_mb: int = 51200  # MiB
    key_pairs: int = 100  # of a user
    metadata_items: int = 128  # of a server
    injected_files: int = 5  # of a server, as the two that follow
    injected_file_content_bytes: int = 10240
    injected_file_path_bytes: int = 255
    server_groups: int = 10
    server_group_members: int = 10  # of a group
    fixed_ips: int = -1  # kept and shown only
    floating_ips: int = 50
    security_groups: int = 10  # with the default one
    security_group_rules: int = 100  # of all groups


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project uses, or what a host has given away."""

    instances: int = 0
    cores: int = 0
    ram_mb: int = 0  # MiB
    server_groups: int = 0
    security_groups: int = 0
    security_group_rules: int = 0
    floating_ips: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """How many servers one request makes: as many of these as the quota has room for."""

    least: int = 1
    most: int = 1


ONE = Count()

_RENAMED = {"ram": "ram_mb"}

RESOURCES = tuple(
    next((word for word, field in _RENAMED.items() if field == name), name)
    for name in Quota.__dataclass_fields__
)
"""The words of the standard for what a quota limits."""


def limit_of(quota: Quota, resource: str) -> int:
    """The limit of a resource, by the standard's word."""
    limit: int = getattr(quota, _RENAMED.get(resource, resource))
    return limit


def used_of(usage: Usage, resource: str) -> int:
    """How much of a resource is used; 0 of what is not a project's as a whole."""
    used: int = getattr(usage, _RENAMED.get(resource, resource), 0)
    return used


def with_limits(quota: Quota, limits: Mapping[str, int]) -> Quota:
    """A quota with some limits in the place of its own. Words that no quota has are left out."""
    known = {_RENAMED.get(word, word): most for word, most in limits.items() if word in RESOURCES}
    return replace(quota, **known)


def check_limits(limits: Mapping[str, int], used: Usage, whole: Quota | None) -> None:
    """Raise `BadRequest`, in Nova's words, for limits below what is used or above the `whole`."""
    for resource, most in limits.items():
        already = used_of(used, resource)
        if 0 <= most < already:
            raise BadRequest(
                f"Quota limit {most} for {resource} must be greater than or equal to already used "
                f"and reserved {already}."
            )
        ceiling = -1 if whole is None else limit_of(whole, resource)
        if ceiling >= 0 and not 0 <= most <= ceiling:
            raise BadRequest(
                f"Quota limit {most} for {resource} must be less than or equal to {ceiling}."
            )
