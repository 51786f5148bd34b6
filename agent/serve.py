# SPDX-License-Identifier: Apache-2.0
"""`cumulet serve`: gunicorn with one threaded worker, and the engine inside that worker.

# Note [After the fork]
libvirt's connections and its event loop do not survive a fork, so nothing of it is opened here:
the worker builds all parts for itself, and starts the engine once it holds the state folder's lock.
gunicorn replaces a worker that died; the new one takes the lock and resumes the open tasks.

# Note [Refusals]
Only the worker opens the database, so it finds what is wrong with it. It tells the master by a pipe
and asks it to end; the master raises that as its own error once gunicorn has stopped.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import signal
import socket
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import ParseException

from agent.config import Config, ConfigError, split_listen
from agent.errors import AgentError, BadRequest, HostFailed
from agent.locks import FolderLock
from agent.model.layout import Layout
from agent.patience import PATIENCE, Patience
from agent.turns import in_turn
from agent.worker import AccessLog, patient

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Flask, Response

    from agent.app import Parts
    from agent.engine.runner import CrashHook

log = logging.getLogger(__name__)

STOP_S = 10  # requests get so long after SIGTERM, then the steps get as long again
SILENCE_S = 20  # who sends or takes nothing for so long is given up: a thread waits for it
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # as malloc.h has them
COLLECT_AFTER = 2_000  # new objects that are still there
LOCK_WAIT_S = 5.0  # an old worker whose master was killed takes a second or two to notice

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def serve(config: Config, *, hook: CrashHook = lambda point: None) -> None:
    """Serve until SIGTERM or SIGINT. Blocks. The hook is the runner's, for tests.

    `Conflict` when another process drives the state folder; `ConfigError` or another `AgentError`
    when the state folder, the database and the configuration don't go together.
    """
    signal.signal(signal.SIGTERM, _end)  # until gunicorn sets its own
    lock = FolderLock(
        Layout(config.state_dir).lock,
        f"{config.state_dir} is already served by process {{pid}}: stop that one first.",
    )
    lock.probe(LOCK_WAIT_S)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    refusals = _Refusals()
    try:
        _Server(config, lock, refusals, hook).run()
    except SystemExit:
        refusals.raise_what_was_told()
        raise


class _Refusals:
    """How the worker tells the master why it can't serve: see the note."""

    def __init__(self) -> None:
        self._master = os.getpid()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)

    def tell(self, error: ConfigError | AgentError) -> NoReturn:
        """End the worker, then the master, with this error."""
        told = error.problems if isinstance(error, ConfigError) else error.message
        os.write(self._writer, json.dumps(told).encode())
        if os.getppid() == self._master:
            os.kill(self._master, signal.SIGTERM)
        os._exit(0)

    def raise_what_was_told(self) -> None:
        """Raise the worker's error in the master; nothing when there was none."""
        try:
            told = json.loads(os.read(self._reader, 65536))
        except BlockingIOError:
            return
        raise ConfigError(told) if isinstance(told, list) else HostFailed(told)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn, told everything here: it reads no file and no environment."""

    def __init__(
        self, config: Config, lock: FolderLock, refusals: _Refusals, hook: CrashHook
    ) -> None:
        self._config = config
        self._lock = lock
        self._refusals = refusals
        self._hook = hook
        self._parts: Parts | None = None
        self._patience = Patience(config.api_threads)
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings."""
        host, port = split_listen(self._config.listen)
        settings: dict[str, Any] = {
            "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "worker_class": patient(self._patience),
            "workers": 1,  # the engine lives in it: more would be more engines
            "threads": self._config.api_threads,
            "max_requests": 0,
            "preload_app": False,
            "graceful_timeout": STOP_S,
            "timeout": 60,
            "keepalive": 75,
            "control_socket_disable": True,
            "worker_tmp_dir": str(self._config.state_dir),
            "proc_name": "cumulet",
            "accesslog": "-",
            "logger_class": AccessLog,
            "when_ready": _limit_silence,
            "pre_fork": _share_memory,
            "post_worker_init": self._started,
            "worker_exit": self._stopping,
            "loglevel": "warning",
            "limit_request_line": 8190,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the parts: in the worker, after the fork."""
        _return_memory()
        from agent import belonging
        from agent.app import build_parts, build_wsgi

        try:
            self._parts = build_parts(self._config, hook=self._hook)
            belonging.check(self._config, self._parts.store)
        except (AgentError, ConfigError) as error:
            self._refusals.tell(error)
        app = build_wsgi(self._parts)
        app.register_error_handler(ParseException, _on_bad_http)
        app.wsgi_app = _with_patience(in_turn(app.wsgi_app), self._patience)  # type: ignore[assignment,method-assign]
        threading.Thread(target=self._patience.watch, name="patience", daemon=True).start()
        return app

    def _started(self, worker: object) -> None:
        """Start the engine as soon as no other process drives the state folder."""
        parts = self._parts
        assert parts is not None
        _collect_seldom()
        log.info(
            "cumulet serves %s (state %s, libvirt %s)",
            self._config.url,
            self._config.state_dir,
            self._config.libvirt_uri,
        )

        def start() -> None:
            self._lock.keep()
            parts.start()

        threading.Thread(target=start, name="engine-start", daemon=True).start()

    def _stopping(self, arbiter: object, worker: object) -> None:
        if self._parts is None:
            return
        stopping = threading.Thread(target=self._parts.stop, name="stopping", daemon=True)
        stopping.start()
        stopping.join(STOP_S)
        if stopping.is_alive():
            # A call hangs in libvirt. Each step can be cut anywhere, so cut it.
            log.warning("libvirt does not answer: ending without it")
            logging.shutdown()
            os._exit(0)


def _with_patience(application: WSGIApplication, patience: Patience) -> WSGIApplication:
    """Tell each request's environment how long its client is waited for."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[PATIENCE] = patience
        return application(environ, start_response)

    return answer


def _return_memory() -> None:
    """Let memory of 8 MiB and more go back to the system when it is free, for good.

    Else glibc keeps the 16 MiB of each scrypt, for each thread, once they have been freed once.
    What uploads use again and again, a MiB at a time, is less, and kept. Threads share two arenas:
    with one for each, the memory of the longest list would be kept as often as there are threads.
    """
    with suppress(OSError, AttributeError):  # another libc
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 8 * 2**20)
        libc.mallopt(M_ARENA_MAX, 2)


def _share_memory(arbiter: object, worker: object) -> None:
    """Let the master and its worker go on sharing what is there at the fork.

    A garbage collection writes to each object that it looks at, and so makes a copy of its page.
    """
    gc.collect()
    gc.freeze()


def _collect_seldom() -> None:
    """Spare what was built at the start from each garbage collection: it stays anyway.

    And do not begin one while a list of some hundred servers is read, which is no garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _limit_silence(arbiter: Any) -> None:
    """Let no client hold a thread by sending or taking nothing: accepted sockets inherit it."""
    limit = struct.pack("ll", SILENCE_S, 0)
    for listener in arbiter.LISTENERS:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, limit)


def _end(number: int, frame: object) -> None:
    raise SystemExit(0)


def _on_bad_http(error: Exception) -> Response:
    """Answer a body whose chunks are malformed, which is found out only while it is read."""
    from flask import current_app

    refusal = BadRequest(f"The request's body is no HTTP: {error}")
    return current_app.make_response(current_app.handle_user_exception(refusal))
