# SPDX-License-Identifier: Apache-2.0
"""Downloads from a server of the test's own, which is allowed though it is on loopback."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from agent.errors import BadRequest
from agent.model.webaddress import Allowed, parse_url
from agent.webdownload import download
from tests.lab.webserver import WebServer

BODY = bytes(range(256)) * 4096


def fetch(server: WebServer, url: str, *more: str, **options: Any) -> bytes:
    """Download a URL whole, with the server allowed."""
    allowed = Allowed.parse([server.place, *more])
    settings = {"max_bytes": 10**9, "allowed": allowed, **options}
    with download(parse_url(url), **settings) as body:
        return b"".join(body.chunks)


def reason(server: WebServer, url: str, *more: str, **options: Any) -> str:
    """Why a download is refused. It must not tell what the server said."""
    with pytest.raises(BadRequest) as refused:
        fetch(server, url, *more, **options)
    assert "secret" not in refused.value.message
    assert "download-watch" not in {thread.name for thread in threading.enumerate()}
    return refused.value.message
