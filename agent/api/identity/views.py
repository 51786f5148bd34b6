# SPDX-License-Identifier: Apache-2.0
"""Tokens, the catalog and accounts as the Identity API v3 shows them. Pure."""

from __future__ import annotations

import uuid
from typing import Any

from agent.api.replies import iso_micros
from agent.identity.appcredentials import ShownAppCredential
from agent.model.identity import (
    DEFAULT_DOMAIN_ID,
    DEFAULT_DOMAIN_NAME,
    Assignment,
    Bearer,
    Project,
    Role,
    User,
)

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
        "audit_ids": [token.audit_id, *([token.parent_audit_id] if token.parent_audit_id else [])],
        "issued_at": iso_micros(token.issued_at) + "Z",
        "expires_at": iso_micros(token.expires_at) + "Z",
    }
    if project is not None:
        view |= {
            "project": {"id": project.id, "name": project.name, "domain": _DOMAIN},
            "is_domain": False,
            "roles": [{"id": role.id, "name": role.name} for role in bearer.roles],
        }
    if token.of_system:
        view |= {
            "system": {"all": True},
            "roles": [{"id": role.id, "name": role.name} for role in bearer.system_roles],
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


def service_views(base: str, region: str) -> list[dict[str, Any]]:
    """Show the services without their endpoints."""
    return [
        {
            "id": service["id"],
            "type": service["type"],
            "name": service["name"],
            "enabled": True,
            "description": "",
            "links": {"self": f"{base}/identity/v3/services/{service['id']}"},
        }
        for service in catalog_view(base, region)
    ]


def endpoint_views(base: str, region: str) -> list[dict[str, Any]]:
    """Show each endpoint of each service."""
    return [
        {
            **endpoint,
            "service_id": service["id"],
            "enabled": True,
            "links": {"self": f"{base}/identity/v3/endpoints/{endpoint['id']}"},
        }
        for service in catalog_view(base, region)
        for endpoint in service["endpoints"]
    ]


def region_view(base: str, region: str) -> dict[str, Any]:
    """Show the one region."""
    return {
        "id": region,
        "description": "",
        "parent_region_id": None,
        "links": {"self": f"{base}/identity/v3/regions/{region}"},
    }


def domain_view(base: str) -> dict[str, Any]:
    """Show the one domain."""
    return {
        **_DOMAIN,
        "description": "The one domain of this cloud",
        "enabled": True,
        "tags": [],
        "options": {},
        "links": {"self": f"{base}/identity/v3/domains/{DEFAULT_DOMAIN_ID}"},
    }


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
        "tags": list(project.tags),
        "options": {},
        "links": {"self": f"{base}/identity/v3/projects/{project.id}"},
    }


def user_view(user: User, base: str) -> dict[str, Any]:
    """Show a user, without its password; what nobody told of it is left out."""
    told = {
        "default_project_id": user.default_project_id,
        "email": user.email,
        "description": user.description,
    }
    return {
        **user.extra,
        "id": user.id,
        "name": user.name,
        "enabled": user.enabled,
        "domain_id": DEFAULT_DOMAIN_ID,
        "password_expires_at": None,
        "options": {},
        "links": {"self": f"{base}/identity/v3/users/{user.id}"},
        **{name: value for name, value in told.items() if value is not None},
    }


def role_view(role: Role, base: str) -> dict[str, Any]:
    """Show a role."""
    return {
        "id": role.id,
        "name": role.name,
        "description": role.description,
        "domain_id": None,
        "options": {},
        "links": {"self": f"{base}/identity/v3/roles/{role.id}"},
    }


def assignment_view(assignment: Assignment, base: str, *, with_names: bool) -> dict[str, Any]:
    """Show that a user has a role in a project, or in the system."""
    user, project, role = assignment.user, assignment.project, assignment.role
    where = f"projects/{project.id}" if project else "system"
    scope = {"project": _reference(project, with_names)} if project else {"system": {"all": True}}
    return {
        "role": {"id": role.id, **({"name": role.name} if with_names else {})},
        "user": _reference(user, with_names),
        "scope": scope,
        "links": {"assignment": f"{base}/identity/v3/{where}/users/{user.id}/roles/{role.id}"},
    }


def _reference(one: User | Project, with_names: bool) -> dict[str, Any]:
    return {"id": one.id, **({"name": one.name, "domain": _DOMAIN} if with_names else {})}


def app_credential_view(shown: ShownAppCredential, base: str) -> dict[str, Any]:
    """Show an application credential, without its secret."""
    it = shown.credential
    return {
        "id": it.id,
        "name": it.name,
        "description": it.description,
        "user_id": it.user_id,
        "project_id": it.project_id,
        "system": None,
        "roles": [{"id": role.id, "name": role.name, "domain_id": None} for role in shown.roles],
        "expires_at": iso_micros(it.expires_at) if it.expires_at else None,
        "unrestricted": it.unrestricted,
        "links": {"self": f"{base}/identity/v3/users/{it.user_id}/application_credentials/{it.id}"},
    }


def _id_of(what: str) -> str:
    """Make an id that is the same in every answer of every cloud."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"cumulet {what}").hex
