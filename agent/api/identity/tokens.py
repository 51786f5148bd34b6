# SPDX-License-Identifier: Apache-2.0
"""/auth: proofs become a token; a token is shown, checked and revoked; where it may be used."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from agent.api.body import json_body
from agent.api.context import base_url, bearer, cloud
from agent.api.identity.login_parse import LOGIN_SCHEMA, parse_login
from agent.api.identity.replies import listing
from agent.api.identity.views import catalog_view, project_view, token_view
from agent.api.replies import empty
from agent.errors import Forbidden, NotFound, Unauthorized
from agent.model.identity import Bearer

routes = Blueprint("tokens", __name__)

LOGIN_BYTES = 16 * 1024  # of a body that anybody may send


@routes.post("/auth/tokens")
def issue() -> Response:
    """Log in. The token's secret goes out in a header, once."""
    login = parse_login(json_body(LOGIN_SCHEMA, most=LOGIN_BYTES))
    secret, logged_in = cloud().identity.log_in(login, request.remote_addr or "")
    return _token(secret, logged_in, code=201)


@routes.get("/auth/tokens")
def show() -> Response:
    """Show what the token in X-Subject-Token stands for; HEAD asks only whether it is valid."""
    secret, subject = _subject()
    return _token(secret, subject, code=200)


@routes.delete("/auth/tokens")
def revoke() -> Response:
    """End the token in X-Subject-Token."""
    secret, _ = _subject()
    cloud().identity.revoke(secret)
    return empty(204)


@routes.get("/auth/catalog")
def show_catalog() -> Response:
    """Show where the services are."""
    config = cloud().config
    if bearer().project is None:
        raise Forbidden("A token for no project has no catalog.")
    return listing("catalog", catalog_view(config.url, config.region))


@routes.get("/auth/projects")
def list_projects() -> Response:
    """List the projects that the token's user could get a token for."""
    projects = cloud().identity.list_projects(bearer())
    return listing("projects", [project_view(project, base_url()) for project in projects])


@routes.get("/auth/domains")
def list_domains() -> Response:
    """List the domains that the token's user could get a token for: there are none."""
    return listing("domains", [])


@routes.get("/auth/system")
def list_system() -> Response:
    """List what of the system the token's user could get a token for: all of it, or nothing."""
    roles = cloud().identity.system_roles(bearer())
    return listing("system", [{"all": True}] if roles else [])


def _subject() -> tuple[str, Bearer]:
    """Recognise the token that the request is about: the caller's own, or any for an admin."""
    secret = request.headers.get("X-Subject-Token", "")
    try:
        subject = cloud().identity.recognise(secret)
    except Unauthorized:
        raise NotFound("Could not find token.") from None
    if subject.user.id != bearer().user.id and not bearer().is_admin:
        raise Forbidden("You are not authorized to see or revoke another user's token.")
    return secret, subject


def _token(secret: str, subject: Bearer, *, code: int) -> Response:
    config = cloud().config
    view = token_view(subject)
    is_scoped = subject.project is not None or subject.token.of_system
    if is_scoped and "nocatalog" not in request.args:
        view["catalog"] = catalog_view(config.url, config.region)
    response = jsonify(token=view)
    response.status_code = code
    response.headers["X-Subject-Token"] = secret
    response.headers["Vary"] = "X-Auth-Token"
    response.headers["Cache-Control"] = "no-store"
    return response
