# SPDX-License-Identifier: Apache-2.0
"""The bodies of accounts: projects, users and roles, as the Identity API v3 takes them.

There is one domain, and no options: what would ask for more is refused by name, not ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from agent.errors import NotFound
from agent.model.identity import DEFAULT_DOMAIN_ID

_TEXT = {"type": ["string", "null"], "maxLength": 255}
_LONG = {"type": ["string", "null"], "maxLength": 65535}
_BOOLEAN = {"type": "boolean"}
_SECRET = {"type": "string", "minLength": 1, "maxLength": 4096}
_SECRET_OR_NONE = {**_SECRET, "type": ["string", "null"]}
_NOTHING = {"type": "object", "maxProperties": 0, "description": "empty: there are no options here"}
_OF_DOMAIN = {"type": ["string", "null"], "maxLength": 64}
_OF_NO_DOMAIN = {"enum": [None], "description": "null: roles belong to no domain here"}
_NO_DOMAIN = {"enum": [False], "description": "false: there is one domain here"}
_TAGS = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^,/]+$"},
    "maxItems": 80,
}


def _name(longest: int) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": longest,
        "pattern": r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*\Z",
        "description": f"1 to {longest} characters, not only blanks and without control characters",
    }


def _body(
    what: str, properties: dict[str, Any], *required: str, more: object = False
) -> Draft202012Validator:
    value = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": more,
        "maxProperties": 32,
    }
    return Draft202012Validator({"type": "object", "properties": {what: value}, "required": [what]})


_EXTRA = {"type": ["string", "boolean", "integer", "null"], "maxLength": 255}
"""Whatever else may be told of a user: kept, shown, and without any meaning here."""

_READ_ONLY = {
    name: {"not": {}, "description": "left out: it is read-only"}
    for name in ("id", "links", "password_expires_at", "password_hash")
}

_USER = {
    "name": _name(255),
    "password": _SECRET_OR_NONE,
    "email": _TEXT,
    "description": _LONG,
    "enabled": _BOOLEAN,
    "default_project_id": {"type": ["string", "null"], "maxLength": 64},
    "domain_id": _OF_DOMAIN,
    "options": _NOTHING,
}
_PROJECT = {
    "name": _name(64),
    "description": _LONG,
    "enabled": _BOOLEAN,
    "domain_id": _OF_DOMAIN,
    "parent_id": _OF_DOMAIN,
    "is_domain": _NO_DOMAIN,
    "tags": _TAGS,
    "options": _NOTHING,
}
_ROLE = {
    "name": _name(255),
    "description": _LONG,
    "domain_id": _OF_NO_DOMAIN,
    "options": _NOTHING,
}

CREATE_USER = _body("user", {**_READ_ONLY, **_USER}, "name", more=_EXTRA)
UPDATE_USER = _body("user", {**_READ_ONLY, **_USER, "id": _TEXT}, more=_EXTRA)
CHANGE_PASSWORD = _body(
    "user",
    {"password": _SECRET, "original_password": {**_SECRET, "minLength": 0}},
    "password",
    "original_password",
)
CREATE_PROJECT = _body("project", _PROJECT, "name")
UPDATE_PROJECT = _body("project", _PROJECT)
CREATE_ROLE = _body("role", _ROLE, "name")
UPDATE_ROLE = _body("role", _ROLE)

ROLE_REF = {
    "type": "object",
    "properties": {"id": _name(64), "name": _name(255)},
    "minProperties": 1,
}
CREATE_APP_CREDENTIAL = _body(
    "application_credential",
    {
        "name": _name(255),
        "secret": _SECRET_OR_NONE,
        "description": _LONG,
        "expires_at": {"type": ["string", "null"], "maxLength": 64},
        "roles": {"type": ["array", "null"], "items": ROLE_REF, "maxItems": 100},
        "unrestricted": {"type": ["boolean", "null"]},
        "project_id": _TEXT,  # clients of old send it; it must be the token's
        "access_rules": {
            "type": ["array", "null"],
            "maxItems": 0,
            "description": "empty: access rules are not served here",
        },
    },
    "name",
)


def check_domain(asked: Mapping[str, Any]) -> None:
    """Raise `NotFound` for another domain than the one that there is, or a parent in it."""
    for name in ("domain_id", "parent_id"):
        if asked.get(name) not in {None, DEFAULT_DOMAIN_ID}:
            raise NotFound(f"{name}: there is no domain here but {DEFAULT_DOMAIN_ID}.")
