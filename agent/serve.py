# SPDX-License-Identifier: Apache-2.0
"""`cumulet serve`: one process, which answers requests and in which the engine works.

# Note [One process]
gunicorn would keep a master of 10 MiB beside its one worker, to start another when that dies.
Whoever starts daemons does so too (etc/cumulet.service: `Restart=on-failure`), and a new process
resumes the open tasks of one that died. So there is no master, and nothing forks: libvirt's
connections and its event loop would not survive it.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from gunicorn.http.errors import ParseException

from agent import memory
from agent.config import Config
from agent.errors import AgentError, BadRequest, HostFailed
from agent.locks import FolderLock
from agent.model.layout import Layout
from agent.patience import PATIENCE, Patience
from agent.turns import in_turn
from agent.worker import STOP_S, build_worker

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Flask, Response

    from agent.app import Parts
    from agent.engine.runner import CrashHook

log = logging.getLogger(__name__)

THREADS_S = 1.0  # threads that were told to end get so long
DESCRIPTORS = 8192
LOCK_WAIT_S = 5.0  # a process that was told to end may take a second or two

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def serve(config: Config, *, hook: CrashHook = lambda point: None) -> None:
    """Serve until SIGTERM, SIGINT, SIGHUP or SIGQUIT. Blocks. The hook is the runner's, for tests.

    `Conflict` when another process drives the state folder; `ConfigError` or another `AgentError`
    when the state folder, the database and the configuration don't go together, the address is
    another's, or a crash's leftovers can't be cleared.
    """
    signal.signal(signal.SIGTERM, _end)  # until the worker sets its own
    lock = FolderLock(
        Layout(config.state_dir).lock,
        f"{config.state_dir} is already served by process {{pid}}: stop that one first.",
    )
    with lock.hold(LOCK_WAIT_S):
        logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
        memory.keep_small()
        _allow_connections()
        parts = _build(config, hook)
        code = 1  # of a mistake
        try:
            _answer(config, parts)
            code = 0
        except SystemExit:
            code = 0
            raise
        finally:
            _stop(parts, code)


def _build(config: Config, hook: CrashHook) -> Parts:
    """Build all parts, and see that they go together."""
    from agent import belonging
    from agent.app import build_parts

    parts = build_parts(config, hook=hook)
    belonging.check(config, parts.store)
    return parts


def _answer(config: Config, parts: Parts) -> None:
    """Listen, start the engine, and answer requests until a signal."""
    patience = Patience(config.api_threads)
    worker = build_worker(_application(parts, patience), config, patience)
    threading.Thread(target=patience.watch, name="patience", daemon=True).start()
    try:
        parts.start()
    except AgentError as error:
        raise HostFailed(f"{error.message} So the engine does not start.") from error
    memory.collect_seldom()
    log.info(
        "cumulet serves %s (state %s, libvirt %s)",
        config.url,
        config.state_dir,
        config.libvirt_uri,
    )
    worker.init_process()


def _application(parts: Parts, patience: Patience) -> Flask:
    from agent.app import build_wsgi

    app = build_wsgi(parts)
    app.register_error_handler(ParseException, _on_bad_http)
    app.wsgi_app = _with_patience(in_turn(app.wsgi_app), patience)  # type: ignore[assignment,method-assign]
    return app


def _stop(parts: Parts, code: int) -> None:
    """Stop the engine. What goes on after that, a request or a call, is cut off with the process,
    which then ends with this code.

    Each step can be cut anywhere: a new process goes on.
    """
    stopping = threading.Thread(target=parts.stop, name="stopping", daemon=True)
    stopping.start()
    stopping.join(STOP_S)
    if stopping.is_alive():
        log.warning("libvirt does not answer: ending without it")
        _cut(code)
    if not _have_ended(THREADS_S):
        log.warning("requests are still under way: ending without them")
        _cut(code)


def _have_ended(wait_s: float) -> bool:
    """Whether all threads end that Python would wait for, without an end, when it ends itself."""
    deadline = time.monotonic() + wait_s
    others = [
        each
        for each in threading.enumerate()
        if not each.daemon and each is not threading.current_thread()
    ]
    for each in others:
        each.join(max(0.0, deadline - time.monotonic()))
    return not any(each.is_alive() for each in others)


def _cut(code: int) -> NoReturn:
    if code:
        log.error("it ends by a mistake", exc_info=True)
    logging.shutdown()
    os._exit(code)


def _with_patience(application: WSGIApplication, patience: Patience) -> WSGIApplication:
    """Tell each request's environment how long its client is waited for."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[PATIENCE] = patience
        return application(environ, start_response)

    return answer


def _allow_connections() -> None:
    """Take as many descriptors as there may be: systemd's usual 1024 are few for 1000 clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def _end(number: int, frame: object) -> None:
    raise SystemExit(0)


def _on_bad_http(error: Exception) -> Response:
    """Answer a body whose chunks are malformed, which is found out only while it is read."""
    from flask import current_app

    refusal = BadRequest(f"The request's body is no HTTP: {error}")
    return current_app.make_response(current_app.handle_user_exception(refusal))
