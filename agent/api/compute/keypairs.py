# SPDX-License-Identifier: Apache-2.0
"""/os-keypairs: the caller's SSH keys, and for administrators everybody's."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint, Response, jsonify, request
from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.body import json_body
from agent.api.compute.paging import next_links, parse_page
from agent.api.compute.query import check_query
from agent.api.context import base_url, caller, cloud, version
from agent.api.microversion import Microversion
from agent.api.replies import empty, iso_micros
from agent.model.keypair import Keypair

routes = Blueprint("keypairs", __name__)

PUBLIC_KEY_CHARACTERS = 16 * 1024  # room for any key that OpenSSH makes

_NAMES = {
    False: (r"^(?! )[a-zA-Z0-9_\- ]{1,255}(?<! )\Z", "digits, spaces, '-' and '_'"),
    True: (r"^(?! )[a-zA-Z0-9_\-@. ]{1,255}(?<! )\Z", "digits, spaces, '-', '_', '@' and '.'"),
}
"""What a name may have, before and since keypairs are imported only."""


@cache
def create_schema(version: Microversion) -> Draft202012Validator:
    """The schema of a new keypair."""
    is_imported = version.has(changes.KEYPAIR_IMPORT_ONLY)
    pattern, words = _NAMES[is_imported]
    properties: dict[str, Any] = {
        "name": {
            "type": "string",
            "pattern": pattern,
            "description": f"1 to 255 letters, {words}, with no space at its ends",
        },
        "public_key": {"type": "string", "maxLength": PUBLIC_KEY_CHARACTERS},
    }
    if version.has(changes.KEYPAIR_TYPE):
        properties["type"] = {"enum": ["ssh", "x509"]}
    if version.has(changes.KEYPAIR_USER):
        properties["user_id"] = {"type": "string"}
    keypair = {
        "type": "object",
        "properties": properties,
        "required": ["name", "public_key"] if is_imported else ["name"],
        "additionalProperties": False,
    }
    return Draft202012Validator(
        {
            "type": "object",
            "properties": {"keypair": keypair},
            "required": ["keypair"],
            "additionalProperties": False,
        }
    )


@routes.get("/os-keypairs")
def list_some() -> Response:
    """List a user's keypairs."""
    is_paged = version().has(changes.KEYPAIR_PAGING)
    user_id = _user_id({"limit", "marker"} if is_paged else set())
    if not is_paged:
        found = cloud().keypairs.list(caller(), user_id=user_id)
        return jsonify(keypairs=[{"keypair": brief_view(each, version())} for each in found])
    page = parse_page(request.args)
    found = cloud().keypairs.list(caller(), user_id=user_id, limit=page.limit, marker=page.marker)
    body: dict[str, Any] = {
        "keypairs": [{"keypair": brief_view(each, version())} for each in found]
    }
    if found and len(found) == page.limit:
        url = f"{base_url()}/compute/v2.1/os-keypairs"
        body["keypairs_links"] = next_links(url, request.args, page, found[-1].name)
    return jsonify(body)


@routes.post("/os-keypairs")
def create() -> Response:
    """Keep a public key; without one, make a pair and give its private half, once."""
    asked = json_body(create_schema(version()))["keypair"]
    name, public_key = asked["name"], asked.get("public_key")
    kind, user_id = asked.get("type", "ssh"), asked.get("user_id") or None
    private: dict[str, Any] = {}
    if public_key is None:
        keypair, private["private_key"] = cloud().keypairs.generate(
            caller(), name, kind=kind, user_id=user_id
        )
    else:
        keypair = cloud().keypairs.import_public(
            caller(), name, public_key, kind=kind, user_id=user_id
        )
    response = jsonify(keypair={**created_view(keypair, version()), **private})
    response.status_code = 201 if version().has(changes.KEYPAIR_TYPE) else 200
    if private:
        response.headers["Cache-Control"] = "no-store"
    return response


@routes.get("/os-keypairs/<name>")
def show(name: str) -> Response:
    """Show one of a user's keypairs."""
    keypair = cloud().keypairs.get(caller(), name, _user_id())
    return jsonify(keypair=keypair_view(keypair, version()))


@routes.delete("/os-keypairs/<name>")
def delete(name: str) -> Response:
    """Forget one of a user's keypairs."""
    cloud().keypairs.delete(caller(), name, _user_id())
    return empty(204 if version().has(changes.KEYPAIR_TYPE) else 202)


def brief_view(keypair: Keypair, version: Microversion) -> dict[str, Any]:
    """Show a keypair in a list."""
    view = {
        "name": keypair.name,
        "public_key": keypair.public_key,
        "fingerprint": keypair.fingerprint,
    }
    return {**view, "type": keypair.type} if version.has(changes.KEYPAIR_TYPE) else view


def created_view(keypair: Keypair, version: Microversion) -> dict[str, Any]:
    """Show what a create request answers."""
    return {**brief_view(keypair, version), "user_id": keypair.user_id}


def keypair_view(keypair: Keypair, version: Microversion) -> dict[str, Any]:
    """Show everything of a keypair; what is deleted is not kept here."""
    return {
        **created_view(keypair, version),
        "id": keypair.id,
        "created_at": iso_micros(keypair.created_at),
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }


def _user_id(others: set[str] | None = None) -> str | None:
    """Whose keypairs are asked for, where the version lets say so; None: the caller's own."""
    check_query(request.args, {"user_id", *(others or ())}, version())
    if not version().has(changes.KEYPAIR_USER):
        return None
    return request.args.get("user_id") or None
