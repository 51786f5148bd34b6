# SPDX-License-Identifier: Apache-2.0
"""Tokens, the catalog and projects as the Identity API v3 shows them. Pure."""

from __future__ import annotations

import uuid
from typing import Any

from agent.api.replies import iso_micros
from agent.model.identity import DEFAULT_DOMAIN_ID, DEFAULT_DOMAIN_NAME, Bearer, Project

SERVICES = (
    ("identity", "keystone", "/identity"),
    ("compute", "nova", "/compute/v2.1"),
    ("image", "glance", "/image"),
    ("network", "neutron", "/network"),
)
"""Type, name and path of each service. Clients append the version, but for compute's."""

_DOMAIN = {"id": DEFAULT_DOMAIN_ID, "name": DEFAULT_DOMAIN_NAME}


def token_view(bearer: Bearer) -> dict[str, Any]:
    """Show what a token stands for, without its secret and without the catalog."""
    user, project, token = bearer.user, bearer.project, bearer.token
    view: dict[str, Any] = {
        "methods": list(token.methods),
        "user": {
            "id": user.id,
            "name": user.name,
            "domain": _DOMAIN,
            "password_expires_at": None,
        },
        "audit_ids": [token.audit_id],
        "issued_at": iso_micros(token.issued_at) + "Z",
        "expires_at": iso_micros(token.expires_at) + "Z",
    }
    if project is not None:
        view |= {
            "project": {"id": project.id, "name": project.name, "domain": _DOMAIN},
            "is_domain": False,
            "roles": [{"id": role.id, "name": role.name} for role in bearer.roles],
        }
    return view


def catalog_view(base: str, region: str) -> list[dict[str, Any]]:
    """Show where the services are: every interface is the same place."""
    return [
        {
            "id": _id_of(kind),
            "type": kind,
            "name": name,
            "endpoints": [
                {
                    "id": _id_of(f"{kind} {interface}"),
                    "interface": interface,
                    "region": region,
                    "region_id": region,
                    "url": f"{base}{path}",
                }
                for interface in ("public", "internal", "admin")
            ],
        }
        for kind, name, path in SERVICES
    ]


def project_view(project: Project, base: str) -> dict[str, Any]:
    """Show a project."""
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "enabled": project.enabled,
        "domain_id": DEFAULT_DOMAIN_ID,
        "parent_id": DEFAULT_DOMAIN_ID,
        "is_domain": False,
        "tags": [],
        "options": {},
        "links": {"self": f"{base}/identity/v3/projects/{project.id}"},
    }


def _id_of(what: str) -> str:
    """Make an id that is the same in every answer of every cloud."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"cumulet {what}").hex
