# SPDX-License-Identifier: Apache-2.0
"""The Flask application: the four services on one port, and what all of them share."""

from __future__ import annotations

import logging
import re
import uuid

from flask import Flask, Response, g, jsonify, request

from agent.api import context, faults, microversion, policy
from agent.api.compute import compute, compute_versions
from agent.api.identity import identity, identity_versions
from agent.api.image import image, image_versions
from agent.api.network import network, network_versions
from agent.api.rendering import Json
from agent.cloud import Cloud
from agent.errors import BadRequest

log = logging.getLogger(__name__)

_BLUEPRINTS = (
    compute_versions,
    compute,
    identity_versions,
    identity,
    image_versions,
    image,
    network_versions,
    network,
)

_GLOBAL_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_TEXT = re.compile(r"[^\0\ufffd]*")  # werkzeug reads what is no UTF-8 as the latter


def build_app(cloud: Cloud) -> Flask:
    """Build the HTTP application over a cloud. Opens nothing and starts no thread."""
    app = Flask("cumulet", static_folder=None)
    app.url_map.strict_slashes = False  # with a slash at the end or without: the same resource
    app.url_map.merge_slashes = False  # a redirect of "//elsewhere" would leave this cloud
    app.json = Json(app)
    context.install(app, cloud)
    faults.install(app)
    app.before_request(_name_request)
    app.before_request(_check_path)
    policy.install(app)
    app.after_request(_add_headers)
    add_routes(app)
    policy.check_complete(app.url_map)
    return app


def add_routes(app: Flask) -> None:
    """Give an application all routes of the API."""
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/healthz", view_func=healthz)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)


def index() -> Response:
    """Say where the services are."""
    services = ("identity", "compute", "image", "network")
    return jsonify({name: f"{context.base_url()}/{name}" for name in services})


def healthz() -> Response:
    """Say that requests are answered."""
    return jsonify(status="ok")


def _name_request() -> None:
    g.request_id = f"req-{uuid.uuid4()}"
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        context.patience().end()  # there is no body to wait for
    global_id = request.headers.get("X-Openstack-Request-Id", "")
    if _GLOBAL_ID.fullmatch(global_id):
        log.info("%s is part of %s", g.request_id, global_id)


def _check_path() -> None:
    if not _TEXT.fullmatch(request.path):
        raise BadRequest("The path has characters in it that no name has: NUL, or no UTF-8.")


def _add_headers(response: Response) -> Response:
    response.headers["x-openstack-request-id"] = g.request_id
    if request.path.startswith("/compute"):
        response.headers["x-compute-request-id"] = g.request_id
        version = g.get("microversion", microversion.MINIMUM)
        response.headers.update(microversion.reply_headers(version))
    return response
