# SPDX-License-Identifier: Apache-2.0
"""A login's body, checked and made typed references. Pure; the password is never in a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

from agent.errors import BadRequest, Unauthorized
from agent.identity import WRONG, ProjectRef, UserRef, is_default_domain

_NAME = {"type": "string", "minLength": 1, "maxLength": 255}
_DOMAIN = {"type": "object", "properties": {"id": _NAME, "name": _NAME}}
_PASSWORD = {"type": "string", "maxLength": 4096}
_NAMED = {"id": _NAME, "name": _NAME, "domain": _DOMAIN}
_USER = {
    "type": "object",
    "properties": {**_NAMED, "password": _PASSWORD},
    "required": ["password"],
}
_IDENTITY = {
    "type": "object",
    "properties": {
        "methods": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "password": {"type": "object", "properties": {"user": _USER}, "required": ["user"]},
    },
    "required": ["methods"],
}
_SCOPE = {
    "type": ["object", "string"],
    "properties": {"project": {"type": "object", "properties": _NAMED}},
}

LOGIN_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "auth": {
                "type": "object",
                "properties": {"identity": _IDENTITY, "scope": _SCOPE},
                "required": ["identity"],
            }
        },
        "required": ["auth"],
    }
)


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, with what, for which project."""

    who: UserRef
    password: str = field(repr=False)
    scope: ProjectRef | None


def parse_login(body: Mapping[str, Any]) -> Login:
    """Make a login of a body that fits the schema.

    `Unauthorized` for a method, a domain or a scope that this cloud does not have.
    """
    auth = body["auth"]
    if auth["identity"]["methods"] != ["password"] or "password" not in auth["identity"]:
        raise Unauthorized("Only the method password is served: " + WRONG)
    user = auth["identity"]["password"]["user"]
    return Login(
        UserRef(*_id_or_name(user, "user")),
        user["password"],
        _scope(auth.get("scope")),
    )


def _scope(scope: object) -> ProjectRef | None:
    if scope is None:
        return None
    if not isinstance(scope, dict) or "project" not in scope:
        raise Unauthorized("Only a project can be the scope of a token: " + WRONG)
    return ProjectRef(*_id_or_name(scope["project"], "project"))


def _id_or_name(reference: Mapping[str, Any], what: str) -> tuple[str | None, str | None]:
    if "id" in reference:
        return reference["id"], None
    if "name" not in reference:
        raise BadRequest(f"auth: {what}: an id or a name is required.")
    domain = reference.get("domain", {})
    if not is_default_domain(domain_id=domain.get("id"), domain_name=domain.get("name")):
        raise Unauthorized(WRONG)
    return None, reference["name"]
