# SPDX-License-Identifier: Apache-2.0
"""/os-keypairs: the caller's SSH keys."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from jsonschema import Draft202012Validator

from agent.api.body import json_body
from agent.api.context import caller, cloud
from agent.api.replies import empty, iso_micros
from agent.model.keypair import Keypair

routes = Blueprint("keypairs", __name__)

PUBLIC_KEY_CHARACTERS = 16 * 1024  # room for any key that OpenSSH makes

CREATE_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "keypair": {
                "type": "object",
                "properties": {
                    "name": {
                        "type": "string",
                        "pattern": r"^(?! )[a-zA-Z0-9_\- ]{1,255}(?<! )\Z",
                        "description": "1 to 255 letters, digits, spaces, '-' and '_', with no "
                        "space at its ends",
                    },
                    "public_key": {"type": "string", "maxLength": PUBLIC_KEY_CHARACTERS},
                },
                "required": ["name"],
                "additionalProperties": False,
            }
        },
        "required": ["keypair"],
        "additionalProperties": False,
    }
)


@routes.get("/os-keypairs")
def list_own() -> Response:
    """List the caller's keypairs."""
    found = cloud().keypairs.list_own(caller())
    return jsonify(keypairs=[{"keypair": brief_view(keypair)} for keypair in found])


@routes.post("/os-keypairs")
def create() -> Response:
    """Keep a public key; without one, make a pair and give its private half, once."""
    asked = json_body(CREATE_SCHEMA)["keypair"]
    name, public_key = asked["name"], asked.get("public_key")
    if public_key is not None:
        return jsonify(
            keypair=created_view(cloud().keypairs.import_public(caller(), name, public_key))
        )
    keypair, private_key = cloud().keypairs.generate(caller(), name)
    response = jsonify(keypair={**created_view(keypair), "private_key": private_key})
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.get("/os-keypairs/<name>")
def show(name: str) -> Response:
    """Show one of the caller's keypairs."""
    return jsonify(keypair=keypair_view(cloud().keypairs.get(caller(), name)))


@routes.delete("/os-keypairs/<name>")
def delete(name: str) -> Response:
    """Forget one of the caller's keypairs."""
    cloud().keypairs.delete(caller(), name)
    return empty(202)


def brief_view(keypair: Keypair) -> dict[str, Any]:
    """Show a keypair in a list."""
    return {
        "name": keypair.name,
        "public_key": keypair.public_key,
        "fingerprint": keypair.fingerprint,
    }


def created_view(keypair: Keypair) -> dict[str, Any]:
    """Show what a create request answers."""
    return {**brief_view(keypair), "user_id": keypair.user_id}


def keypair_view(keypair: Keypair) -> dict[str, Any]:
    """Show everything of a keypair; what is deleted is not kept here."""
    return {
        **created_view(keypair),
        "id": keypair.id,
        "created_at": iso_micros(keypair.created_at),
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }
