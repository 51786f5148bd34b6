# SPDX-License-Identifier: Apache-2.0
"""gunicorn's threaded worker, by itself: how it listens, waits for clients, and logs requests."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gunicorn import systemd
from gunicorn.config import Config as Settings
from gunicorn.glogging import Logger
from gunicorn.sock import TCP6Socket, TCPSocket
from gunicorn.workers.gthread import ThreadWorker

from agent.config import Config, split_listen
from agent.errors import HostFailed
from agent.lingering import Lingering
from agent.patience import Patience

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

STOP_S = 10  # requests get so long after SIGTERM, then the steps get as long again
SILENCE_S = 20  # who sends or takes nothing for so long is given up: a thread waits for it
END_S = 2 * STOP_S + 5  # after a signal, whatever hangs
ENDING = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # besides SIGTERM
NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
ROOM_S = 0.1  # so long clients wait until it is looked again whether there is room
TOLD_S = 1.0  # without such a want, and the next one is told of again
IN_A_ROW = 8  # requests of one client, then others get the thread
NEXT_MS = 2  # so long the thread waits for the next of them

_REQUEST_ID = "x-openstack-request-id"


def build_worker(application: WSGIApplication, config: Config, patience: Patience) -> Worker:
    """Listen, and build what answers there; `init_process` of it blocks until a signal.

    `HostFailed` when the address can't be had.
    """
    settings = _settings(config)
    logger = AccessLog(settings)
    listener = _listen(config, settings, logger)
    systemd.sd_notify("READY=1", logger)
    worker = Worker(
        1, os.getppid(), [listener], _Application(application), settings.timeout, settings, logger
    )
    worker.patience = patience
    return worker


def _settings(config: Config) -> Settings:
    """What gunicorn is told: it reads no file, and believes no proxy.

    gunicorn would look up for each request whether its client is a proxy to be believed: to believe
    all of them, of no header, says the same and takes no time.
    """
    told: dict[str, Any] = {
        "threads": config.api_threads,
        "graceful_timeout": STOP_S,
        "keepalive": 75,
        "worker_tmp_dir": str(config.state_dir),
        "accesslog": "-",
        "loglevel": "warning",
        "limit_request_line": 8190,
        "forwarded_allow_ips": "*",
        "secure_scheme_headers": {},
        "forwarder_headers": "",
    }
    settings = Settings()
    for name, value in told.items():
        settings.set(name, value)
    # As plain attributes: thirty of them are read for each request, and gunicorn would look each up
    # anew. To set one after this changes nothing.
    vars(settings).update((name, each.get()) for name, each in settings.settings.items())
    return settings


def _listen(config: Config, settings: Settings, logger: Logger) -> TCPSocket:
    """Open the socket. Clients can hold no thread by sending or taking nothing at its connections:
    those inherit its limits.
    """
    host, port = split_listen(config.listen)
    kind = TCP6Socket if ":" in host else TCPSocket
    try:
        listener = kind((host, port), settings, logger)
    except OSError as error:
        raise HostFailed(
            f"Nothing can listen at {config.listen}: {error.strerror}. Change `listen` in the "
            "configuration, or stop what listens there."
        ) from error
    limit = struct.pack("ll", SILENCE_S, 0)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        listener.sock.setsockopt(socket.SOL_SOCKET, option, limit)
    return listener


@dataclass(frozen=True, slots=True)
class _Application:
    """What a worker asks for what it is to call."""

    application: WSGIApplication

    def wsgi(self) -> WSGIApplication:
        return self.application


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """The worker without gunicorn's master, whose threads say whom they wait for.

    A client who asks again at once is answered by the same thread: gunicorn would hand its
    connection to the main thread and back, which takes as long as a small answer.
    """

    patience: Patience
    full_until = 0.0  # on the monotonic clock: so long no connection more is taken
    lingering: Lingering

    def is_parent_alive(self) -> bool:
        """Always: whoever started this process may end before it."""
        return True

    def notify(self) -> None:
        """Tell nobody: there is no master that waits for it."""

    def init_signals(self) -> None:
        """End in order, too, at a Ctrl-C and when the terminal goes, unless that is to be ignored.

        (gunicorn's own answer to SIGQUIT takes a lock that may be held by what it interrupts.)
        """
        ignored = {number for number in ENDING if signal.getsignal(number) is signal.SIG_IGN}
        super().init_signals()
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN if number in ignored else self.handle_exit)
            signal.siginterrupt(number, False)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin to end; the kernel sees to it that it does, also where a lock is never let go."""
        if self.alive:
            signal.alarm(END_S)
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Answer clients until a signal. Blocks."""
        self.lingering = Lingering(self.poller, self._let_go)
        super().run()

    def accept(self, listener: Any) -> None:
        """Take a client; where there is no room for another one, it waits."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            now = time.monotonic()
            if now > self.full_until + TOLD_S:
                self.log.warning("no room for more connections: %s", error.strerror)
            self.full_until = now + ROOM_S

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Serve those who are there; who is not is taken when it may be time for that."""
        timeout = min(timeout, self.lingering.left())
        left = self.full_until - time.monotonic()
        if left > 0:
            self.set_accept_enabled(False)
            timeout = min(timeout, left)
        super().wait_for_and_dispatch_events(timeout)
        self.lingering.end_late()

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep a client's connection, or begin to end it."""
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self.lingering.begin(conn)

    def _let_go(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def handle(self, conn: Any) -> Any:
        """Answer a client's request, and the next ones if they come at once."""
        for _ in range(IN_A_ROW):
            self.patience.begin(conn.sock)
            try:
                stays = super().handle(conn)
            finally:
                self.patience.end()
            if stays is not True or not self.alive or not _asks_again(conn.sock):
                break
        return stays


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
