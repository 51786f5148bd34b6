# SPDX-License-Identifier: Apache-2.0
"""What the engine asks of the store, as a protocol: the engine knows no database.

Every method is one short transaction. Those that change a server or a task are compare-and-swap:
they say False, and have changed nothing, when somebody else was there first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from agent.model.change import ServerChange
from agent.model.placement import HostLoad
from agent.model.server import OwnedNic, Rest, Server
from agent.model.states import TaskState, VmState
from agent.model.task import NewTask, Task


class TaskStore(Protocol):
    """The store as the engine sees it."""

    def get_server(self, server_id: str) -> Server:
        """One server that is not deleted; `NotFound` otherwise."""
        ...

    def list_rests(self, host: str) -> Sequence[Rest]:
        """All servers of a host that are not deleted, each in the few fields a sweep needs."""
        ...

    def find_open_task(self, server_id: str) -> Task | None:
        """The unfinished task of a server, with its recorded steps in their order."""
        ...

    def list_open_tasks(self) -> Sequence[Task]:
        """All unfinished tasks, oldest first."""
        ...

    def claim_host(
        self, server_id: str, hosts: Sequence[HostLoad], choose: Callable[[Sequence[HostLoad]], str]
    ) -> str:
        """Place a server: add what is claimed to each of `hosts`, ask `choose`, write its answer.

        One transaction, so that two servers never get the same last place. A server that has a
        host keeps it. What `choose` raises goes through, and nothing is written.
        """
        ...

    def release_host(self, server_id: str) -> None:
        """Take back the place of a server that was to come back to a host; nothing for others."""
        ...

    def record_step(
        self,
        task_id: int,
        name: str,
        now: datetime,
        change: ServerChange,
        result: Mapping[str, str | int],
    ) -> bool:
        """Write that a step is done, and `change` its server; False when the task is no longer open
        or has failed meanwhile. A step recorded already is not written twice (and is True)."""
        ...

    def record_undo(self, task_id: int, name: str, now: datetime) -> bool:
        """Write that a step of a failed task is undone; False when the task is not open."""
        ...

    def fail_task(
        self, task_id: int, error: str, now: datetime, shows: TaskState | None = None
    ) -> bool:
        """Write why an open task failed: from now on it is being undone, and its server's
        task_state is `shows` (None: as it was)."""
        ...

    def finish_task(self, task_id: int, change: ServerChange, now: datetime) -> bool:
        """Close an open task and change its server (task_state is cleared); False when it is not
        open. With `deleted_at` in `change` the server's ports go and their addresses rest."""
        ...

    def postpone_deadline(self, task_id: int, seconds: float) -> bool:
        """Move an open task's deadline: time in which the host was away does not count."""
        ...

    def settle_server(
        self,
        server_id: str,
        expected: VmState,
        change: ServerChange,
        event: str,
        now: datetime,
        then: NewTask | None = None,
    ) -> bool:
        """Change a server that rests (no task_state) in the vm_state `expected`, and add `event` to
        its history; False when it does not any more. The task `then` begins with it."""
        ...

    def list_unconfirmed(self, host: str, since: datetime) -> Sequence[str]:
        """The servers of a host that rest resized, and were so at `since` already."""
        ...

    def find_boot_id(self, host: str) -> str | None:
        """The boot id under which this host's servers were seen to last; None at first."""
        ...

    def remember_boot_id(self, host: str, boot_id: str) -> None:
        """Write that all servers were seen to under this boot id of the host."""
        ...

    def keep_spares(
        self, network_id: str, count: int, rest_s: float, now: datetime
    ) -> Sequence[OwnedNic]:
        """Make spare ports up to `count`, as far as there are addresses; give all the network's."""
        ...

    def add_event(self, server_id: str, text: str, now: datetime) -> None:
        """Add a line to a server's history; nothing for a server that is not ours."""
        ...
