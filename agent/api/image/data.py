# SPDX-License-Identifier: Apache-2.0
"""/images/ID/file: an image's bytes, in and out as a stream. Nothing here holds more than a chunk.

Each transfer keeps a thread for as long as it lasts, so only half of the threads may be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from flask import Blueprint, Response, request
from werkzeug.exceptions import UnsupportedMediaType

from agent.api.body import body_chunks
from agent.api.context import caller, cloud, room
from agent.api.replies import empty
from agent.errors import HostUnavailable
from agent.model.image import ImageStatus

routes = Blueprint("image_data", __name__)

CHUNK_BYTES = 2**20


@routes.put("/images/<image_id>/file")
def upload(image_id: str) -> Response:
    """Take an image's bytes."""
    if request.mimetype != "application/octet-stream":
        raise UnsupportedMediaType("Unsupported Content-Type: send application/octet-stream.")
    _begin_transfer()
    try:
        cloud().imaging.upload(caller(), image_id, body_chunks(CHUNK_BYTES))
    finally:
        room().transfers.release()
    return empty(204)


@routes.get("/images/<image_id>/file")
def download(image_id: str) -> Response:
    """Give an image's bytes; nothing while there are none."""
    if cloud().imaging.get(caller(), image_id).status is not ImageStatus.ACTIVE:
        return empty(204)
    transfers = room().transfers
    _begin_transfer()
    try:
        image, file = cloud().imaging.download(caller(), image_id)
    except BaseException:
        transfers.release()
        raise
    response = Response(_chunks(file), mimetype="application/octet-stream")
    response.call_on_close(transfers.release)
    response.call_on_close(file.close)
    if image.size is not None and image.checksum is not None:
        response.content_length = image.size
        response.headers["Content-MD5"] = image.checksum
    return response


def _begin_transfer() -> None:
    if not room().transfers.acquire(blocking=False):
        raise HostUnavailable("Too many images are being transferred now: try again soon.")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
