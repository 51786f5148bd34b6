# SPDX-License-Identifier: Apache-2.0
"""The bodies of accounts: projects, users and roles, as the Identity API v3 takes them.

There is one domain, and no options: what would ask for more is refused by name, not ignored.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from agent.model.identity import DEFAULT_DOMAIN_ID

_TEXT = {"type": ["string", "null"], "maxLength": 255}
_LONG = {"type": ["string", "null"], "maxLength": 65535}
_BOOLEAN = {"type": "boolean"}
_SECRET = {"type": "string", "minLength": 1, "maxLength": 4096}
_SECRET_OR_NONE = {**_SECRET, "type": ["string", "null"]}
_NOTHING = {"type": "object", "maxProperties": 0, "description": "empty: there are no options here"}
_OF_DOMAIN = {
    "enum": [DEFAULT_DOMAIN_ID, None],
    "description": f"{DEFAULT_DOMAIN_ID}: there is one domain here",
}
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


def _body(what: str, properties: dict[str, Any], *required: str) -> Draft202012Validator:
    value = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return Draft202012Validator({"type": "object", "properties": {what: value}, "required": [what]})


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

CREATE_USER = _body("user", _USER, "name")
UPDATE_USER = _body("user", _USER)
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
