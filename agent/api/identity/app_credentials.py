# SPDX-License-Identifier: Apache-2.0
"""/users/ID/application_credentials: programs' ways in. A secret is told once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.body import json_body
from agent.api.context import base_url, bearer, caller, cloud
from agent.api.identity.account_schemas import CREATE_APP_CREDENTIAL
from agent.api.identity.replies import listing
from agent.api.identity.views import app_credential_view
from agent.api.replies import empty
from agent.errors import BadRequest
from agent.identity.appcredentials import CreateAppCredential, RoleRef

routes = Blueprint("app_credentials", __name__)

_ALL = "/users/<user_id>/application_credentials"
_ONE = f"{_ALL}/<credential_id>"


@routes.get(_ALL)
def list_credentials(user_id: str) -> Response:
    """List a user's."""
    found = cloud().app_credentials.list(bearer(), user_id)
    views = (app_credential_view(one, base_url()) for one in found)
    return listing("application_credentials", views, "name")


@routes.post(_ALL)
def create(user_id: str) -> Response:
    """Make one for oneself, in the project of one's token."""
    request = _parse(json_body(CREATE_APP_CREDENTIAL)["application_credential"])
    shown, secret = cloud().app_credentials.create(caller(), user_id, request)
    view = {**app_credential_view(shown, base_url()), "secret": secret}
    response = jsonify(application_credential=view)
    response.status_code = 201
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.get(_ONE)
def show(user_id: str, credential_id: str) -> Response:
    """Show one."""
    shown = cloud().app_credentials.get(bearer(), user_id, credential_id)
    return jsonify(application_credential=app_credential_view(shown, base_url()))


@routes.delete(_ONE)
def delete(user_id: str, credential_id: str) -> Response:
    """Remove one; what it let in is out at once."""
    cloud().app_credentials.delete(bearer(), user_id, credential_id)
    return empty(204)


@routes.get("/users/<user_id>/access_rules")
def list_access_rules(user_id: str) -> Response:
    """List the access rules of a user's: there are none here."""
    cloud().app_credentials.list(bearer(), user_id)
    return listing("access_rules", [])


def _parse(asked: dict[str, Any]) -> CreateAppCredential:
    if asked.get("project_id") not in {None, caller().project.id}:
        raise BadRequest("application_credential.project_id: is always the token's project.")
    return CreateAppCredential(
        name=asked["name"],
        secret=asked.get("secret"),
        description=asked.get("description"),
        expires_at=_time(asked.get("expires_at")),
        roles=[RoleRef(role.get("id"), role.get("name")) for role in asked.get("roles") or ()],
        unrestricted=bool(asked.get("unrestricted")),
    )


def _time(text: str | None) -> datetime | None:
    """Read a time; one without an offset is in UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest(
            "application_credential.expires_at: must be a time such as 2030-01-31T12:00:00."
        ) from None
