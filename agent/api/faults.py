# SPDX-License-Identifier: Apache-2.0
"""The only table from errors to HTTP, and the only handler of errors that nobody foresaw.

Each service of the standard words its errors in a shape of its own; which one a reply takes is
told by the path alone, so that an unknown path too is answered in the words of its service.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from agent.api.context import base_url, request_id
from agent.errors import (
    AgentError,
    BadRequest,
    Conflict,
    Forbidden,
    HostFailed,
    HostUnavailable,
    LimitExceeded,
    NotFound,
    NotSupported,
    TooManyTries,
    Unauthorized,
)

log = logging.getLogger(__name__)

CODES: dict[type[AgentError], int] = {
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    LimitExceeded: 413,
    NotFound: 404,
    Conflict: 409,
    TooManyTries: 429,
    HostFailed: 500,
    NotSupported: 501,
    HostUnavailable: 503,
}
"""A class that is missing takes its parent's code."""

COMPUTE_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error on its way out."""

    code: int
    kind: str  # the class of the error: what Networking calls its type
    message: str
    retry_after_s: int | None = None

    @property
    def title(self) -> str:
        """The code in words."""
        return HTTP_STATUS_CODES.get(self.code, "Error")


def install(app: Flask) -> None:
    """Let an application answer every error."""
    app.register_error_handler(AgentError, _on_agent_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_surprise)


def code_of(error: AgentError) -> int:
    """Look up an error's code, or its nearest parent's."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), 500)


def compute_body(problem: Problem) -> dict[str, object]:
    """Word an error as the Compute API does."""
    fault: dict[str, object] = {"code": problem.code, "message": problem.message}
    if problem.code in {413, 429}:
        fault["retryAfter"] = "0"
    return {COMPUTE_NAMES.get(problem.code, "computeFault"): fault}


def error_body(problem: Problem) -> dict[str, object]:
    """Word an error as the Identity API does."""
    text = {"code": problem.code, "title": problem.title, "message": problem.message}
    return {"error": text}


def image_body(problem: Problem) -> dict[str, object]:
    """Word an error for clients of the Image API, which fixes no shape: they look for "message"."""
    return {"code": problem.code, "title": problem.title, "message": problem.message}


def network_body(problem: Problem) -> dict[str, object]:
    """Word an error as the Networking API does."""
    return {"NeutronError": {"type": problem.kind, "message": problem.message, "detail": ""}}


_BODIES: dict[str, Callable[[Problem], dict[str, object]]] = {
    "compute": compute_body,
    "identity": error_body,
    "image": image_body,
    "network": network_body,
}


def _on_agent_error(error: AgentError) -> Response:
    code = code_of(error)
    if code >= 500:
        log.warning("%s: %s: %s", request_id(), type(error).__name__, error.message)
    return _reply(Problem(code, type(error).__name__, error.message, error.retry_after_s))


def _on_http_error(error: HTTPException) -> Response:
    """Answer what Flask itself refuses: unknown paths, wrong methods, bodies that are too large."""
    code = error.code or 500
    message = "The resource could not be found." if code == 404 else error.description or ""
    response = _reply(Problem(code, type(error).__name__, message))
    for name, value in error.get_headers():
        if name in {"Allow", "Content-Range"}:
            response.headers[name] = value
    return response


def _on_surprise(error: Exception) -> Response:
    log.error("%s: unexpected error", request_id(), exc_info=error)
    message = (
        "Unexpected API Error. Please report this, with the traceback that stands in the log of "
        f"this cloud under {request_id()}."
    )
    return _reply(Problem(500, "HTTPInternalServerError", message))


def _reply(problem: Problem) -> Response:
    service = request.path.split("/", 2)[1]
    response = jsonify(_BODIES.get(service, error_body)(problem))
    response.status_code = problem.code
    if problem.code == 401:
        response.headers["WWW-Authenticate"] = f'Keystone uri="{base_url()}/identity"'
    if problem.retry_after_s is not None:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    return response
