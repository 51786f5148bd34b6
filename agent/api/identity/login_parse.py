# SPDX-License-Identifier: Apache-2.0
"""A login's body, checked and made typed proofs. Pure; a secret is never in a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from agent.errors import BadRequest, Unauthorized
from agent.identity.login import WRONG
from agent.identity.proofs import (
    ByAppCredential,
    ByPassword,
    ByToken,
    Login,
    ProjectRef,
    Proof,
    Scope,
    System,
    Unscoped,
    UserRef,
)
from agent.model.identity import DEFAULT_DOMAIN_ID, DEFAULT_DOMAIN_NAME

_NAME = {"type": "string", "minLength": 1, "maxLength": 255}
_SECRET = {"type": "string", "maxLength": 4096}
_DOMAIN = {"type": "object", "properties": {"id": _NAME, "name": _NAME}}
_NAMED = {"id": _NAME, "name": _NAME, "domain": _DOMAIN}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_IDENTITY = _object(
    {
        "methods": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 8},
        "password": _object({"user": _object({**_NAMED, "password": _SECRET}, "password")}, "user"),
        "token": _object({"id": _SECRET}, "id"),
        "application_credential": _object(
            {"id": _NAME, "name": _NAME, "secret": _SECRET, "user": _object(_NAMED)}, "secret"
        ),
    },
    "methods",
)
_SCOPE = {
    "type": ["object", "string", "null"],
    "properties": {"project": {"type": "object", "properties": _NAMED}},
}

LOGIN_SCHEMA = Draft202012Validator(
    _object({"auth": _object({"identity": _IDENTITY, "scope": _SCOPE}, "identity")}, "auth")
)


def parse_login(body: Mapping[str, Any]) -> Login:
    """Make a login of a body that fits the schema.

    `BadRequest` when a method is named and not given; `Unauthorized` for a method, a domain or a
    scope that this cloud does not have.
    """
    auth = body["auth"]
    identity = auth["identity"]
    methods = list(dict.fromkeys(identity["methods"]))
    return Login([_proof(identity, method) for method in methods], _scope(auth.get("scope")))


def _proof(identity: Mapping[str, Any], method: str) -> Proof:
    parse = _METHODS.get(method)
    if parse is None:
        raise Unauthorized(f"Only these methods are served: {', '.join(_METHODS)}. {WRONG}")
    if method not in identity:
        raise BadRequest(f"auth.identity.{method}: is required by the method {method}.")
    return parse(identity[method])


def _by_password(given: Mapping[str, Any]) -> Proof:
    user = given["user"]
    return ByPassword(UserRef(*_id_or_name(user, "user")), user["password"])


def _by_token(given: Mapping[str, Any]) -> Proof:
    return ByToken(given["id"])


def _by_app_credential(given: Mapping[str, Any]) -> Proof:
    secret = given["secret"]
    if "id" in given:
        return ByAppCredential(secret, id=given["id"])
    if "name" not in given or "user" not in given:
        raise BadRequest(
            "auth.identity.application_credential: an id, or a name and a user, are required."
        )
    who = UserRef(*_id_or_name(given["user"], "user"))
    return ByAppCredential(secret, name=given["name"], who=who)


_METHODS: dict[str, Callable[[Mapping[str, Any]], Proof]] = {
    "password": _by_password,
    "token": _by_token,
    "application_credential": _by_app_credential,
}


def _scope(scope: object) -> Scope:
    if scope is None:
        return None
    if isinstance(scope, dict) and len(scope) > 1:
        raise BadRequest("auth.scope: name one scope, not several.")
    if scope == "unscoped" or (isinstance(scope, dict) and "unscoped" in scope):
        return Unscoped()
    if scope == {"system": {"all": True}}:
        return System()
    if not isinstance(scope, dict) or "project" not in scope:
        raise Unauthorized("Only a project or the system can be the scope of a token: " + WRONG)
    return ProjectRef(*_id_or_name(scope["project"], "project"))


def _id_or_name(reference: Mapping[str, Any], what: str) -> tuple[str | None, str | None]:
    if "id" in reference:
        return reference["id"], None
    if "name" not in reference:
        raise BadRequest(f"auth: {what}: an id or a name is required.")
    if not _is_default(reference.get("domain", {})):
        raise Unauthorized(WRONG)
    return None, reference["name"]


def _is_default(domain: Mapping[str, Any]) -> bool:
    """Whether a request names the one domain that there is (or none, which means it)."""
    if "id" in domain:
        return bool(domain["id"] == DEFAULT_DOMAIN_ID)
    return bool(domain.get("name", DEFAULT_DOMAIN_NAME).lower() == DEFAULT_DOMAIN_NAME.lower())
