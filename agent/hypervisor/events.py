# SPDX-License-Identifier: Apache-2.0
"""libvirt's events: hints that something happened, from a thread that must never wait.

        watch()         connected           close callback, or not alive
    off ───────► opening ───────► watching ──────────────────────┐
                    ▲    backoff                                 │
                    └────────────────────────── on_lost ◄────────┘

Two threads. The *loop* is the process's one libvirt event loop: it runs the callbacks, which build
a value, hand it on and return; libvirt's keepalive lives on it too, so nothing else may. The
*keeper* of a watcher opens the connection and registers the callbacks, which blocks. libvirt does
not survive a fork: neither starts by an import.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import Any

import libvirt

from agent.errors import AgentError
from agent.hypervisor.base import Listeners
from agent.hypervisor.connection import FIRST_RETRY_S, Link
from agent.hypervisor.errors import silence
from agent.hypervisor.words import EventWords

ALIVE_CHECK_S = 5.0  # the close callback tells at once; this is the belt to those braces
JOIN_S = 5.0
_CLOSE_REASONS = ("an error", "libvirt closed it", "libvirt does not answer", "closed by us")

log = logging.getLogger(__name__)


class EventLoop:
    """The process's libvirt event loop, running while somebody holds it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._is_registered = False
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def hold(self) -> None:
        """Run the loop, unless it runs. Connections that want events are opened after this."""
        with self._lock:
            if not self._is_registered:
                silence()
                libvirt.virEventRegisterDefaultImpl()
                self._is_registered = True
            self._holders += 1
            if self._holders == 1:
                self._stopping = threading.Event()
                self._thread = threading.Thread(
                    target=_run_loop, args=(self._stopping,), name="libvirt-events", daemon=True
                )
                self._thread.start()

    def let_go(self) -> None:
        """End the loop's thread when nobody holds it any more. Blocks until it has ended."""
        with self._lock:
            self._holders -= 1
            if self._holders or self._thread is None:
                return
            self._stopping.set()
            # The loop sleeps until something happens: so let something happen.
            timer = libvirt.virEventAddTimeout(0, lambda timer, opaque: None, None)
            self._thread.join(JOIN_S)
            libvirt.virEventRemoveTimeout(timer)
            self._thread = None


LOOP = EventLoop()
"""libvirt's default event loop is one a process, so its owner is as well."""


class Watcher:
    """Keeps a link open, tells what libvirt tells, and when it comes and goes."""

    def __init__(self, link: Link, listeners: Listeners) -> None:
        self._link = link
        self._listeners = listeners
        self._words = EventWords()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._lost_reason = ""
        self._was_connected: bool | None = None
        self._thread = threading.Thread(target=self._keep, name="libvirt-keeper", daemon=True)

    def start(self) -> None:
        """Start to watch, with the loop held. Does not wait for libvirt."""
        self._thread.start()

    def stop(self) -> None:
        """End the keeper and tell nobody anything more. Blocks for 5 s at most."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(JOIN_S)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                reason = self._watch_once()
            except AgentError as error:
                reason = error.message
            if self._stopping.is_set():
                return
            # Told once for each loss, not again at every opening that fails.
            if self._was_connected is not False:
                self._was_connected = False
                self._listeners.on_lost(reason)
            self._stopping.wait(self._link.retry_s)

    def _watch_once(self) -> str:
        """Watch one connection until it is lost, and say why."""
        with self._link.use() as connection:
            self._wake.clear()
            self._lost_reason = "the connection was lost"
            callback_id = self._register(connection)
        self._was_connected = True
        self._listeners.on_connected()
        while not self._stopping.is_set() and connection.isAlive():
            if self._wake.wait(ALIVE_CHECK_S):
                break
        _unregister(connection, callback_id)
        self._link.drop()
        return self._lost_reason

    def _register(self, connection: Any) -> int:
        connection.registerCloseCallback(self._on_close, None)
        callback_id: int = connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle, None
        )
        return callback_id

    def _on_lifecycle(
        self, connection: Any, domain: Any, event: int, detail: int, opaque: object
    ) -> None:
        if not self._stopping.is_set():
            self._listeners.on_event(self._words.describe(domain.UUIDString(), event, detail))

    def _on_close(self, connection: Any, reason: int, opaque: object) -> None:
        self._lost_reason = f"the connection was lost: {_CLOSE_REASONS[reason]}"
        self._wake.set()


def _unregister(connection: Any, callback_id: int) -> None:
    """Take the callbacks back, so that libvirt lets go of what they refer to."""
    for take_back in (
        lambda: connection.domainEventDeregisterAny(callback_id),
        connection.unregisterCloseCallback,
    ):
        with suppress(libvirt.libvirtError):
            take_back()


def _run_loop(stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            log.exception("libvirt's event loop failed")
            stopping.wait(FIRST_RETRY_S)
