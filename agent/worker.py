# SPDX-License-Identifier: Apache-2.0
"""What gunicorn's threaded worker does otherwise here: how it waits for clients, what it logs."""

from __future__ import annotations

import select
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from agent.patience import Patience

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

IN_A_ROW = 8  # requests of one client, then others get the thread
NEXT_MS = 2  # so long the thread waits for the next of them

_REQUEST_ID = "x-openstack-request-id"


def patient(patience: Patience) -> type[ThreadWorker]:
    """Make a worker class whose threads say whom they wait for.

    A client who asks again at once is answered by the same thread: gunicorn would hand its
    connection to the main thread and back, which takes as long as a small answer.
    """

    class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
        def handle(self, conn: Any) -> Any:
            for _ in range(IN_A_ROW):
                patience.begin(conn.sock)
                try:
                    stays = super().handle(conn)
                finally:
                    patience.end()
                if stays is not True or not self.alive or not _asks_again(conn.sock):
                    break
            return stays

    return PatientWorker


def _asks_again(sock: socket.socket) -> bool:
    """Whether the client's next request, or its end, comes at once."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(NEXT_MS))


class AccessLog(Logger):  # type: ignore[misc]
    """gunicorn's log, with one line for each request. (Its own looks up all that could be told.)"""

    def access(
        self, resp: Any, req: Any, environ: WSGIEnvironment, request_time: timedelta
    ) -> None:
        """Tell of a request that was answered."""
        asked = f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ['SERVER_PROTOCOL']}"
        self.access_log.info(
            '%s "%s" %s %s bytes %d ms [%s]',
            environ.get("REMOTE_ADDR", "-"),
            asked.replace('"', '\\"'),
            resp.status.split(None, 1)[0],
            resp.sent,
            request_time / timedelta(milliseconds=1),
            next((value for name, value in resp.headers if name.lower() == _REQUEST_ID), "-"),
        )
