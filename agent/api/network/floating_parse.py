# SPDX-License-Identifier: Apache-2.0
"""Bodies that take a floating address or change where it leads, checked field by field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.api.network.parse import (
    OWNED,
    TEXT,
    body_schema,
    check_as_it_is,
    parse_address,
    project_of,
)
from agent.api.parse import parse_uuid
from agent.errors import BadRequest
from agent.floatingips import NewFloatingIp

_TEXT_OR_NULL = {"type": ["string", "null"], "maxLength": 255}
_TARGET = {"port_id": _TEXT_OR_NULL, "fixed_ip_address": _TEXT_OR_NULL, "description": TEXT}
_AS_IT_IS = ("dns_name", "dns_domain", "qos_policy_id", "subnet_id", "distributed")

FLOATING_IP = body_schema(
    "floatingip",
    ("floating_network_id",),
    {
        **{name: OWNED[name] for name in ("tenant_id", "project_id")},
        **_TARGET,
        "floating_network_id": TEXT,
        "floating_ip_address": _TEXT_OR_NULL,
    },
    *_AS_IT_IS,
)
FLOATING_IP_CHANGE = body_schema("floatingip", (), _TARGET, *_AS_IT_IS)


def parse_floating_ip(asked: Mapping[str, Any]) -> NewFloatingIp:
    """Read a floating address to be taken; the ids that it names are looked up elsewhere."""
    check_as_it_is(asked)
    ip = asked.get("floating_ip_address")
    return NewFloatingIp(
        network_id=_checked_id("floating_network_id", asked["floating_network_id"]),
        ip=None if ip is None else parse_address("floating_ip_address", ip),
        port_id=asked.get("port_id"),
        fixed_ip=fixed_ip_of(asked),
        description=asked.get("description", ""),
        project_id=project_of(asked),
    )


def fixed_ip_of(asked: Mapping[str, Any]) -> str | None:
    """The address of the port that is named; None when none is."""
    text = asked.get("fixed_ip_address")
    return None if text is None else str(parse_address("fixed_ip_address", text))


def _checked_id(field: str, text: str) -> str:
    if parse_uuid(text) is None:
        raise BadRequest(f"{field}: must be the id of a network.")
    return text
