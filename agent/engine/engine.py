# SPDX-License-Identifier: Apache-2.0
"""The engine: a queue of server ids, a few threads, and one owner a server.

Requests, libvirt's events, timers and sweeps all do the same thing: they add a server's id to the
queue. The thread that takes the id runs the server's open task if there is one, else looks at its
domain and settles it. So nothing that happens to one server ever runs beside anything else of it.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from agent.engine.clock import Clock
from agent.engine.keyqueue import KeyQueue
from agent.engine.ports import TaskStore
from agent.engine.reachability import Reachability
from agent.engine.reconciler import Reconciler, Wishes
from agent.engine.reservations import Reservations
from agent.engine.runner import CrashHook, Runner
from agent.errors import AgentError, HostFailed, HostUnavailable, NotFound
from agent.hypervisor.base import NetworkSpec
from agent.model.observation import DomainEvent
from agent.workflows.capture import end_left_copy
from agent.workflows.step import Tools

log = logging.getLogger(__name__)

CONNECT, SWEEP, LOOK_TWICE, RESERVE = "#connect", "#sweep", "#look-twice", "#reserve"
NETWORKS, FILTERS, FLOATING = "#networks", "#filters", "#floating"
"""Keys of the queue that are no server's id."""

STALE_S = 2.0
"""So long after a reconnect libvirt may still show a dead guest as running: look again then."""

RESERVE_AFTER_S = 1.0
"""So long after a task the spare ports are seen to: not while its user waits for the next thing."""

BROKEN_TRIES = 3
"""So often a server's work may break in our own code before its task is failed."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What an engine is told."""

    host: str
    networks: Callable[[], Sequence[NetworkSpec]]  # those that the host must carry
    address_rest_s: float
    carry_floating: Callable[[], None] = lambda: None  # the addresses that lead to servers
    learn_host: Callable[[], None] = lambda: None  # at each connect: what the host offers
    sweep_every_s: float = 5.0
    threads: int = 4  # libvirt serves five calls a connection
    unknown_after_s: float = 30.0
    wishes: Wishes = field(default_factory=Wishes)
    boot_id: str = ""  # of the host's running kernel
    is_host_stopping: Callable[[], bool] = lambda: False


class Engine:
    """Owns the threads. `start` and `stop` are for a process, `run_until_idle` is for tests."""

    def __init__(
        self,
        *,
        store: TaskStore,
        tools: Tools,
        clock: Clock,
        settings: EngineSettings,
        hook: CrashHook = lambda point: None,
    ) -> None:
        self._store = store
        self._tools = tools
        self._settings = settings
        self._runner = Runner(store, tools, clock, hook, on_finished=self._task_finished)
        self._hypervisor = tools.hypervisor
        self.reachability = Reachability(clock.monotonic, settings.unknown_after_s)
        self._reconciler = Reconciler(store, tools.hypervisor, clock, settings.wishes)
        self._reservations = Reservations(
            store, tools.hypervisor, clock, rest_s=settings.address_rest_s
        )
        self._clock = clock
        self._chores: Mapping[str, Callable[[], None]] = {
            CONNECT: self._connect,
            SWEEP: self._sweep,
            LOOK_TWICE: self._sweep,
            RESERVE: self._reserve,
            NETWORKS: self._carry_networks,
            FILTERS: tools.firewalls.carry,
            FLOATING: settings.carry_floating,
        }
        self._queue = KeyQueue(clock.monotonic)
        self._events: defaultdict[str, list[tuple[datetime, DomainEvent]]] = defaultdict(list)
        self._events_lock = threading.Lock()
        self._broken: defaultdict[str, int] = defaultdict(int)
        self._is_rebooted = False
        self._threads: list[threading.Thread] = []
        self._ended = threading.Condition()  # told when a task is closed

    def start(self) -> None:
        """Resume what was left open, and start the threads. Does not wait for libvirt."""
        self.resume()
        for number in range(self._settings.threads):
            thread = threading.Thread(target=self._work, name=f"engine-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Let each thread end the step it is in, and no more. Blocks for `timeout_s` at most."""
        self._runner.stopping.set()
        self._queue.close()
        deadline = self._clock.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))

    def resume(self) -> None:
        """Put every open task and the first sweep into the queue; after a reboot, every server."""
        self._greet_host()
        for task in self._store.list_open_tasks():
            self._runner.resume(task)
            self._queue.add(task.server_id)
        self._queue.add(CONNECT)
        self._queue.add(SWEEP)

    def wake(self, server_id: str) -> None:
        """Say that there may be something to do for a server. Returns at once."""
        self._queue.add(server_id)

    def carry_networks(self) -> None:
        """Say that networks or ports have come, changed or gone. Returns at once."""
        self._queue.add(NETWORKS)

    def carry_filters(self) -> None:
        """Say that security groups, their rules or their members have changed. Returns at once."""
        self._queue.add(FILTERS)
        self._queue.add(FLOATING)

    def carry_floating(self) -> None:
        """Say that a floating address leads somewhere else. Returns at once."""
        self._queue.add(FLOATING)

    def interrupt(self, server_id: str) -> None:
        """Say that an action has pushed another one aside: end what libvirt is at for that one.

        Returns at once.
        """
        self._queue.add(server_id)
        self._tell_ended()
        if self._queue.is_owned(server_id):
            threading.Thread(target=self._abort, args=(server_id,), daemon=True).start()

    def wait_for_end(self, server_id: str, task_id: int, timeout_s: float) -> None:
        """Block until a task is closed, or its time is up; not at all while no thread works."""

        def is_closed() -> bool:
            task = self._store.find_open_task(server_id)
            return task is None or task.id != task_id

        if self._threads:
            with self._ended:
                self._ended.wait_for(is_closed, timeout_s)

    def on_event(self, event: DomainEvent) -> None:
        """Take what libvirt told, from its event thread. Returns at once."""
        # Now, for it is written down only when its server is free: after a task, perhaps.
        told_at = self._clock.now()
        with self._events_lock:
            self._events[event.server_id].append((told_at, event))
        self._queue.add(event.server_id)

    def on_connected(self) -> None:
        """libvirt is there (again): see to the networks, go on with the tasks, look at all."""
        log.info("libvirt is there")
        self.reachability.found()
        self._queue.add(CONNECT)

    def on_lost(self, reason: str) -> None:
        """libvirt is away."""
        log.warning("libvirt is away: %s", reason)
        self.reachability.lost()

    def run_until_idle(self, advance: Callable[[float], None] | None = None) -> None:
        """Do in this thread all that is due; with `advance`, also what becomes due by waiting.

        `advance` is told by how many seconds to turn the clock. The periodic sweep is left out.
        """
        while True:
            key = self._queue.take_due()
            if key is not None:
                self._serve(key, periodic=False)
                continue
            due = self._queue.next_due()
            if due is None or advance is None:
                return
            advance(max(0.0, due - self._clock.monotonic()))

    def _work(self) -> None:
        while (key := self._queue.take()) is not None:
            self._serve(key, periodic=True)

    def _serve(self, key: str, *, periodic: bool) -> None:
        """Do what a key stands for; whatever happens, the key is given back.

        The one place (with the API's last handler) that catches everything: a defect in one step
        must not end the thread, and is tried again a few times before it fails its task.
        """
        after_s: float | None = None
        try:
            after_s = self._process(key)
            self._broken.pop(key, None)
        except HostUnavailable as error:
            after_s = STALE_S
            log.warning("%s: again in %.1f s: %s", key, after_s, error)
        except AgentError as error:
            log.warning("%s: %s", key, error)
        except Exception:  # see the docstring
            log.exception("%s: a defect in this program", key)
            after_s = self._break(key)
        finally:
            if key == SWEEP:
                after_s = self._settings.sweep_every_s if periodic else None
            if after_s is not None:
                self._queue.add(key, after_s)
            self._queue.give_back(key)

    def _process(self, key: str) -> float | None:
        chore = self._chores.get(key)
        if chore is None:
            return self._process_server(key)
        chore()
        return None

    def _process_server(self, server_id: str) -> float | None:
        with self._events_lock:
            events = self._events.pop(server_id, [])
        for told_at, event in events:
            self._store.add_event(server_id, event.text, told_at)
        after_s = self._runner.run(server_id)
        if after_s is not None:
            return after_s
        try:
            server = self._store.get_server(server_id)
        except NotFound:
            self._seen_to(server_id)
            return None
        if server.task_state is not None or server.host is None:
            self._seen_to(server_id)
            return None
        end_left_copy(self._tools, server_id)
        shut_down = bool(events) and events[-1][1].guest_shutdown
        guest_shutdown = shut_down and not self._settings.is_host_stopping()
        after_s = self._reconciler.look(server, guest_shutdown=guest_shutdown)
        self._end_greeting()
        return after_s

    def _greet_host(self) -> None:
        """Find out whether the host was rebooted since its servers were last seen to."""
        host, boot_id = self._settings.host, self._settings.boot_id
        before = self._store.find_boot_id(host)
        if before == boot_id:
            return
        rests = self._store.list_rests(host) if before is not None else ()
        self._reconciler.rebooted.update(rest.server_id for rest in rests)
        if not rests:
            self._store.remember_boot_id(host, boot_id)
            return
        log.info("the host was rebooted: looking at its %d servers", len(rests))
        self._is_rebooted = True
        for rest in rests:
            self._queue.add(rest.server_id)

    def _seen_to(self, server_id: str) -> None:
        """Note that there is nothing to look at."""
        self._reconciler.rebooted.discard(server_id)
        self._end_greeting()

    def _end_greeting(self) -> None:
        """When all servers were looked at since the reboot, it is over."""
        if self._is_rebooted and not self._reconciler.rebooted:
            self._is_rebooted = False
            self._store.remember_boot_id(self._settings.host, self._settings.boot_id)

    def _abort(self, server_id: str) -> None:
        with suppress(AgentError):
            self._hypervisor.abort(server_id)

    def _connect(self) -> None:
        self._settings.learn_host()
        for task in self._store.list_open_tasks():
            self._queue.add(task.server_id)
        for server_id in self._tools.captures.list_copied():
            self._queue.add(server_id)
        self._queue.add(SWEEP)
        self._queue.add(LOOK_TWICE, STALE_S)

    def _sweep(self) -> None:
        """Compare all domains; then make networks that went away again, with all in them."""
        self._queue.add(FLOATING)  # whatever becomes of the rest, for it needs no libvirt
        host = self._settings.host
        for server_id in (*self._reconciler.sweep(host), *self._reconciler.confirm_resizes(host)):
            self._queue.add(server_id)
        self._carry_networks()

    def _carry_networks(self) -> None:
        self._tools.ensure_networks()
        self.carry_filters()
        self._queue.add(RESERVE)

    def _reserve(self) -> None:
        for network in self._settings.networks():
            try:
                lacking = self._reservations.keep(network)
            except HostFailed as error:
                log.warning("reservations of network %s: %s", network.name, error.message)
                continue
            for server_id in lacking:
                self._reconciler.unreserved.add(server_id)
                self._queue.add(server_id)

    def _task_finished(self) -> None:
        self.carry_filters()
        self._queue.add(RESERVE, RESERVE_AFTER_S)
        self._tell_ended()

    def _tell_ended(self) -> None:
        with self._ended:
            self._ended.notify_all()

    def _break(self, key: str) -> float | None:
        self._broken[key] += 1
        if self._broken[key] >= BROKEN_TRIES and not key.startswith("#"):
            del self._broken[key]
            self._runner.fail_open(key, "An internal error; the administrator's log has it.")
        return STALE_S
