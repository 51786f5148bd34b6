# SPDX-License-Identifier: Apache-2.0
"""/images/ID/file: an image's bytes, in and out as a stream. Nothing here holds more than a chunk.

Each transfer keeps a thread for as long as it lasts, so only half of the threads may be used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable, UnsupportedMediaType

from agent.api.body import body_chunks
from agent.api.context import caller, cloud, room
from agent.api.image.ranges import read_range
from agent.api.parse import parse_count
from agent.api.replies import empty
from agent.imaging import HAVE_DATA
from agent.model.image import Image

routes = Blueprint("image_data", __name__)

CHUNK_BYTES = 2**20
OCTETS = "application/octet-stream"
SIZE_HEADER = "x-openstack-image-size"


@routes.put("/images/<image_id>/file")
def upload(image_id: str) -> Response:
    """Take an image's bytes."""
    if request.mimetype != OCTETS:
        raise UnsupportedMediaType(f"Unsupported Content-Type: send {OCTETS}.")
    promised = request.headers.get(SIZE_HEADER)
    size = None if promised is None else parse_count(SIZE_HEADER, promised)
    transfers, project_id = room().transfers, caller().project.id
    transfers.begin(project_id)
    try:
        cloud().imaging.upload(caller(), image_id, body_chunks(CHUNK_BYTES), size=size)
    finally:
        transfers.end(project_id)
    return empty(204)


@routes.get("/images/<image_id>/file")
def download(image_id: str) -> Response:
    """Give an image's bytes, or a part of them; nothing while there are none."""
    if cloud().imaging.get(caller(), image_id).status not in HAVE_DATA:
        return empty(204)
    with ExitStack() as afterwards:
        transfers, project_id = room().transfers, caller().project.id
        transfers.begin(project_id)
        afterwards.callback(transfers.end, project_id)
        image, file = cloud().imaging.download(caller(), image_id)
        afterwards.callback(file.close)
        response = _send(image, file)
        response.call_on_close(afterwards.pop_all().close)
    return response


def _send(image: Image, file: BinaryIO) -> Response:
    """Reply with what is asked for of the file."""
    size = os.fstat(file.fileno()).st_size
    part = read_range(request.headers.get("Range"), size)
    if part is not None and not part:
        raise RequestedRangeNotSatisfiable(size)
    wanted = range(size) if part is None else part
    file.seek(wanted.start)
    response = Response(_chunks(file, len(wanted)), mimetype=OCTETS)
    response.content_length = len(wanted)
    response.headers["Accept-Ranges"] = "bytes"
    if part is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    elif image.checksum is not None:
        response.headers["Content-MD5"] = image.checksum
    return response


def _chunks(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left and (chunk := file.read(min(CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk
