# SPDX-License-Identifier: Apache-2.0
"""A request's body: JSON read within bounds whatever its headers promise, or a stream of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request
from jsonschema import Draft202012Validator
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from agent.api import context
from agent.api.context import cloud
from agent.api.parse import check, parse_document, parse_json
from agent.errors import BadRequest

BASE_BYTES = 64 * 1024
USER_DATA_BYTES = 64 * 1024
BROKEN_OFF = "The request body broke off."
MOST_BYTES = 8 * 1024 * 1024
"""However many files a quota lets a project have: the whole body is kept in memory."""
CHUNK_BYTES = 64 * 1024
PATH_BYTES = 1024  # a personality file's path of 255 bytes, as \uXXXX, and the JSON around it


def json_body(schema: Draft202012Validator, *, most: int | None = None) -> dict[str, Any]:
    """Read the body, of at most so many bytes, as a JSON object and hold it against a schema.

    Raises `BadRequest`, and for HTTP's own refusals 413 and 415.
    """
    if request.mimetype not in {"application/json", ""}:
        raise UnsupportedMediaType("Unsupported Content-Type: send application/json.")
    body = parse_json(_read_within_bounds(most))
    check(schema, body)
    return body


def json_of_type(*media_types: str) -> object:
    """Read the body as JSON of one of these media types. Raises as `json_body` does."""
    if request.mimetype not in media_types:
        raise UnsupportedMediaType(f"Unsupported Content-Type: send {media_types[0]}.")
    return parse_document(_read_within_bounds())


def body_chunks(size: int) -> Iterator[bytes]:
    """Read the body as it comes, `size` bytes at a time; `BadRequest` when it breaks off."""
    received, patience = 0, context.patience()
    while chunk := _read(size):
        received += len(chunk)
        patience.note(len(chunk))
        yield chunk
    patience.end()
    _check_end(received)


def body_limit(files: int, file_bytes: int) -> int:
    """Bytes that a JSON body may have: room for user data and for so many personality files."""
    encoded_file = file_bytes * 4 // 3 + PATH_BYTES
    return BASE_BYTES + USER_DATA_BYTES + files * encoded_file


def _limit() -> int:
    """The configuration's limit; for a larger body, that of its project's quota if it is larger.

    (Of a small body nobody has to ask the database.)
    """
    limits = cloud().config.limits
    limit = body_limit(limits.personality, limits.personality_bytes)
    length = request.content_length
    if (length is not None and length <= limit) or not context.has_caller():
        return limit
    files = cloud().quotas.file_limits(context.caller().project.id)
    return max(limit, min(MOST_BYTES, body_limit(files.count, files.size)))


def _read_within_bounds(most: int | None = None) -> bytes:
    limit = _limit() if most is None else most
    is_too_large = (request.content_length or 0) > limit
    raw = b"" if is_too_large else _read(limit + 1)
    if is_too_large or len(raw) > limit:
        _let_finish()
        raise RequestEntityTooLarge(f"Request is too large: at most {limit} bytes are taken.")
    context.patience().end()
    _check_end(len(raw))
    return raw


def _read(size: int) -> bytes:
    try:
        return request.stream.read(size)
    except OSError:  # how the HTTP server says that what comes is not HTTP any more
        raise BadRequest(BROKEN_OFF) from None


def _check_end(received: int) -> None:
    """Tell the end of a body from that of a connection: the HTTP server gives both as an end."""
    if received < (request.content_length or 0):
        raise BadRequest(BROKEN_OFF)


def _let_finish() -> None:
    """Take in the rest of a body that is refused: a client that still sends hears no answer."""
    skipped = 0
    for chunk in body_chunks(CHUNK_BYTES):
        skipped += len(chunk)
        if skipped >= MOST_BYTES:
            return
