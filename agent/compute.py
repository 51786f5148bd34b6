# SPDX-License-Identifier: Apache-2.0
"""The use cases of servers that are there: act, delete, look. Making one is `creation.py`.

A use case checks what needs the store, writes the intent in one transaction, wakes the engine and
answers. It never touches libvirt: that is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from agent.actions import ACTIONS, states_showing
from agent.asking import Asking, admission, new_task
from agent.errors import Conflict
from agent.model.diagnostics import Diagnostics
from agent.model.placement import HostLoad
from agent.model.server import Server
from agent.model.serverquery import ALL_SERVERS, ServerQuery
from agent.model.states import PowerState, VmState
from agent.model.task import Task
from agent.reaching import Engine, check_host
from agent.store import ServerFilter, Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which servers a list is to show."""

    query: ServerQuery = ALL_SERVERS
    statuses: tuple[str, ...] = ()  # any of these; empty: any at all
    all_projects: bool = False


@dataclass(frozen=True, slots=True)
class Compute:
    """Servers, for a caller."""

    store: Store
    now: Callable[[], datetime]
    engine: Engine
    offers: Callable[[], Sequence[HostLoad]]  # what the hosts offer, as last seen
    diagnose: Callable[[str], Diagnostics | None]  # blocks for some seconds at most
    read_console: Callable[[str, int | None], str]  # server id, lines (None: all)

    def act(self, asking: Asking, server_id: str, action: str) -> Task:
        """Begin an action of the table on a server, and wake the engine.

        Raises `NotFound`, `Conflict` in Nova's words when the server's state does not allow it,
        `NoCapacity` when a suspended server has no room to come back to, and `HostUnavailable`
        when libvirt is away: only a deletion waits for it.
        """
        row = ACTIONS[action]
        self.get_server(asking, server_id)
        if row.end is not VmState.DELETED:
            check_host(self.engine)
        returns = row.end is VmState.ACTIVE and VmState.SUSPENDED in (row.allowed_from or ())
        begun = self.store.servers.begin(
            server_id,
            new_task(asking, row),
            admission(asking, row, self.offers if returns else None),
            now=self.now(),
        )
        if row.interrupts:
            self.engine.interrupt(server_id)
        else:
            self.engine.wake(server_id)
        return begun

    def diagnostics(self, asking: Asking, server_id: str) -> tuple[Server, Diagnostics]:
        """A server and the counters of its running guest. Blocks for some seconds at most.

        `Conflict` in Nova's words when it is off, `HostUnavailable` when the host does not answer.
        """
        server = self.get_server(asking, server_id)
        check_host(self.engine)
        counters = self.diagnose(server.id) if server.host else None
        if counters is None:
            state = PowerState(server.power_state).name.lower()
            raise Conflict(
                f"Cannot 'get_diagnostics' instance {server_id} while it is in power state {state}"
            )
        return server, counters

    def is_host_known(self) -> bool:
        """Whether what is recorded of servers can still be believed."""
        return self.engine.reachability.is_known

    def get_server(self, asking: Asking, server_id: str) -> Server:
        """One server; `NotFound` when it is another project's."""
        return self.store.servers.get(server_id, project_id=asking.scope)

    def show_servers(
        self,
        asking: Asking,
        wanted: Wanted,
        shown: Callable[[Server], T],
        *,
        limit: int,
        marker: str | None,
    ) -> Sequence[T]:
        """What is shown of each of a page of the caller's servers, made while they are read.

        An unknown marker is a `BadRequest`. A status means what is shown now: that of a host that
        is away too.
        """
        everything = wanted.all_projects and asking.caller.is_admin
        is_host_known = self.engine.reachability.is_known
        return self.store.servers.show(
            ServerFilter(
                project_id=None if everything else asking.caller.project.id,
                limit=limit,
                marker=marker,
                states=states_showing(wanted.statuses, is_host_known=is_host_known)
                if wanted.statuses
                else None,
                query=wanted.query,
            ),
            shown,
        )

    def console_output(self, asking: Asking, server_id: str, lines: int | None) -> str:
        """The last lines of the serial console; also of a server that is off.

        `Conflict` in Nova's words for one that has no place on any host.
        """
        server = self.get_server(asking, server_id)
        if server.host is None:
            raise Conflict(f"Instance {server_id} is not ready")
        return self.read_console(server.id, lines)
