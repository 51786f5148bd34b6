# SPDX-License-Identifier: Apache-2.0
"""Tasks and their steps: the engine's side of the database (`agent.engine.ports.TaskStore`).

    open ──record_step──> open ──finish_task──> finished
      │                     │
      └─────fail_task───────┴──> failed ──record_undo──> failed ──finish_task──> finished

Each method is one compare-and-swap transaction that also writes what the step did to the server:
when somebody else has closed the task meanwhile, it says False and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from agent.model.change import ServerChange
from agent.model.placement import HostLoad, Wish
from agent.model.server import OwnedNic, Rest, Server
from agent.model.states import TaskState, VmState
from agent.model.task import NewTask, Task
from agent.store import addresses, loading, rows, serverrows
from agent.store.claims import settle_claim, with_claims
from agent.store.db import Database
from agent.store.injections import forget_injection
from agent.store.places import wish_of, with_standing
from agent.store.schema import server_events, servers, task_steps, tasks
from agent.store.settings import read_setting, write_setting
from agent.store.utctime import UtcTime

KEPT_EVENTS = 1000
"""How many lines of history a server keeps: one that reboots for ever must not fill the disk."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tables `tasks` and `task_steps`, and what the engine reads and writes of `servers`."""

    db: Database

    def get_server(self, server_id: str) -> Server:
        """One server that is not deleted; `NotFound` otherwise."""
        with self.db.read() as connection:
            return loading.get_server(connection, server_id, None)

    def list_rests(self, host: str) -> Sequence[Rest]:
        """All servers of a host that are not deleted, each in the few fields a sweep needs."""
        with self.db.read() as connection:
            return [serverrows.rest_from(row) for row in connection.execute(_RESTS, {"host": host})]

    def find_open_task(self, server_id: str) -> Task | None:
        """The unfinished task of a server, with its recorded steps in their order."""
        with self.db.read() as connection:
            return loading.find_open_task(connection, server_id)

    def list_open_tasks(self) -> Sequence[Task]:
        """All unfinished tasks, oldest first."""
        with self.db.read() as connection:
            return loading.list_tasks(connection, _OPEN_TASKS, {})

    def claim_host(
        self,
        server_id: str,
        hosts: Sequence[HostLoad],
        choose: Callable[[Sequence[HostLoad], Wish], str],
    ) -> str:
        """Place a server: say what is claimed of each of `hosts`, ask `choose`, write its answer.

        `choose` gets what the server's request and group wish too; the server then shows the zone
        of its host. Servers that are suspended claim nothing. `NotFound` when the server is gone;
        what `choose` raises goes through; nothing is written then.
        """
        with self.db.write() as connection:
            server = connection.execute(_PLACE, {"server": server_id}).one_or_none()
            if server is None:
                raise loading.no_server(server_id)
            if server.host is not None:
                return str(server.host)
            loads = with_standing(connection, with_claims(connection, hosts, server.project_id))
            wish, loads = wish_of(connection, server, loads)
            name = choose(loads, wish)
            zone = next((load.zone for load in loads if load.name == name), "")
            placed = {"host": name, **({"availability_zone": zone} if zone else {})}
            connection.execute(update(servers).where(servers.c.id == server_id).values(placed))
            return name

    def release_host(self, server_id: str) -> None:
        """Take back the place of a server that was to come back to a host; nothing for others."""
        offloaded = servers.c.vm_state == VmState.SHELVED_OFFLOADED
        with self.db.write() as connection:
            own = update(servers).where(servers.c.id == server_id, offloaded)
            connection.execute(own.values(host=None))

    def record_step(
        self,
        task_id: int,
        name: str,
        now: datetime,
        change: ServerChange,
        result: Mapping[str, str | int],
    ) -> bool:
        """Write that a step is done, and `change` its server; False when the task is not open or
        has failed. A step recorded already is not written twice (and is True)."""
        with self.db.write() as connection:
            task = _open_task(connection, task_id)
            if task is None or task.error is not None:
                return False
            if _step(connection, task_id, name) is not None:
                return True
            _add_step(connection, task_id, name, finished_at=now, result=dict(result))
            _change_server(connection, task.server_id, change, now)
            return True

    def record_undo(self, task_id: int, name: str, now: datetime) -> bool:
        """Write that a step of a failed task is undone; False when the task is not open, or has
        not failed. The step may be one that was never recorded: half done is undone too."""
        with self.db.write() as connection:
            task = _open_task(connection, task_id)
            if task is None or task.error is None:
                return False
            step = _step(connection, task_id, name)
            if step is None:
                _add_step(connection, task_id, name, undone_at=now)
            elif step.undone_at is None:
                connection.execute(
                    update(task_steps)
                    .where(task_steps.c.task_id == task_id, task_steps.c.name == name)
                    .values(undone_at=now)
                )
            return True

    def fail_task(
        self, task_id: int, error: str, now: datetime, shows: TaskState | None = None
    ) -> bool:
        """Write why an open task failed; False when it is not open, or has failed before. From now
        on its server's task_state is `shows` (None: as it was)."""
        with self.db.write() as connection:
            task = _open_task(connection, task_id)
            failed = connection.execute(
                update(tasks)
                .where(
                    tasks.c.id == task_id, tasks.c.finished_at.is_(None), tasks.c.error.is_(None)
                )
                .values(error=error)
            )
            if task is None or failed.rowcount != 1:
                return False
            if shows is not None:
                _change_server(connection, task.server_id, {"task_state": shows}, now)
            return True

    def finish_task(self, task_id: int, change: ServerChange, now: datetime) -> bool:
        """Close an open task and change its server (task_state is cleared); False when it is not
        open. With `deleted_at` in `change` the server's ports go and their addresses rest."""
        with self.db.write() as connection:
            task = _open_task(connection, task_id)
            if task is None:
                return False
            close_task(connection, task_id, now, error=task.error)
            _change_server(connection, task.server_id, {**change, "task_state": None}, now)
            settle_claim(connection, task.server_id)
            return True

    def postpone_deadline(self, task_id: int, seconds: float) -> bool:
        """Move an open task's deadline; False when it is not open."""
        with self.db.write() as connection:
            task = _open_task(connection, task_id)
            if task is None:
                return False
            later = task.deadline_at + timedelta(seconds=seconds)
            connection.execute(update(tasks).where(tasks.c.id == task_id).values(deadline_at=later))
            return True

    def settle_server(
        self,
        server_id: str,
        expected: VmState,
        change: ServerChange,
        event: str,
        now: datetime,
        then: NewTask | None = None,
    ) -> bool:
        """Change a server that rests (no task_state) in the vm_state `expected`, and add `event`
        (unless it is empty) to its history; False when it does not rest there any more. The task
        `then` begins with it."""
        with self.db.write() as connection:
            rests = connection.scalar(_RESTS_IN, {"server": server_id, "expected": expected})
            if rests is None:
                return False
            _change_server(connection, server_id, change, now)
            if event:
                _add_event(connection, server_id, event, now)
            if then is not None:
                _change_server(connection, server_id, {"task_state": then.task_state}, now)
                insert_task(connection, server_id, then, now)
            return True

    def list_unconfirmed(self, host: str, since: datetime) -> Sequence[str]:
        """The servers of a host that rest resized, and were so at `since` already."""
        with self.db.read() as connection:
            return connection.scalars(_UNCONFIRMED, {"host": host, "since": since}).all()

    def find_boot_id(self, host: str) -> str | None:
        """The boot id under which this host's servers were seen to last; None at first."""
        with self.db.read() as connection:
            return read_setting(connection, f"boot_id:{host}")

    def remember_boot_id(self, host: str, boot_id: str) -> None:
        """Write that all servers were seen to under this boot id of the host."""
        with self.db.write() as connection:
            write_setting(connection, f"boot_id:{host}", boot_id)

    def keep_spares(
        self, network_id: str, count: int, rest_s: float, now: datetime
    ) -> Sequence[OwnedNic]:
        """Make spare ports up to `count`, as far as there are addresses; give all the network's."""
        with self.db.read() as connection:
            found = loading.list_network_nics(connection, network_id)
        if sum(port.server_id is None for port in found) >= count:
            return found
        with self.db.write() as connection:
            addresses.keep_spares(connection, network_id, count, rest_s=rest_s, now=now)
            return loading.list_network_nics(connection, network_id)

    def add_event(self, server_id: str, text: str, now: datetime) -> None:
        """Add a line to a server's history; nothing for a server that is not ours."""
        with self.db.write() as connection:
            known = select(servers.c.id).where(servers.c.id == server_id)
            if connection.scalar(known) is not None:
                _add_event(connection, server_id, text, now)


def insert_task(
    connection: Connection,
    server_id: str,
    task: NewTask,
    now: datetime,
    *,
    finished: bool = False,
) -> Task:
    """Open a task, inside the transaction that takes its server; a finished one is history."""
    deadline_at = now + timedelta(seconds=task.deadline_s)
    inserted = connection.execute(
        insert(tasks).values(
            request_id=task.request_id,
            server_id=server_id,
            action=task.action,
            user_id=task.user_id,
            project_id=task.project_id,
            args=dict(task.args),
            started_at=now,
            deadline_at=deadline_at,
            finished_at=now if finished else None,
        )
    )
    (task_id,) = inserted.inserted_primary_key or (0,)
    return Task(
        id=task_id,
        request_id=task.request_id,
        server_id=server_id,
        action=task.action,
        user_id=task.user_id,
        project_id=task.project_id,
        args=task.args,
        started_at=now,
        deadline_at=deadline_at,
    )


def close_task(connection: Connection, task_id: int, now: datetime, *, error: str | None) -> None:
    """Finish a task, with what went wrong or None."""
    connection.execute(
        update(tasks).where(tasks.c.id == task_id).values(finished_at=now, error=error)
    )


_RESTS = select(
    servers.c.id,
    servers.c.vm_state,
    servers.c.task_state,
    servers.c.power_state,
    servers.c.shelved_at,
).where(servers.c.host == bindparam("host"), servers.c.deleted_at.is_(None))

_RESTS_IN = select(servers.c.id).where(
    servers.c.id == bindparam("server"),
    servers.c.vm_state == bindparam("expected"),
    servers.c.task_state.is_(None),
    servers.c.deleted_at.is_(None),
)

_PLACE = select(
    servers.c.id,
    servers.c.host,
    servers.c.project_id,
    servers.c.pinned_zone,
    servers.c.requested_host,
).where(servers.c.id == bindparam("server"), servers.c.deleted_at.is_(None))

_UNCONFIRMED = (
    select(servers.c.id)
    .join(tasks, tasks.c.server_id == servers.c.id)
    .where(
        servers.c.host == bindparam("host"),
        servers.c.vm_state == VmState.RESIZED,
        servers.c.task_state.is_(None),
        servers.c.deleted_at.is_(None),
        tasks.c.action == "resize",
    )
    .group_by(servers.c.id)
    .having(func.max(tasks.c.finished_at) <= bindparam("since", type_=UtcTime))
)

_OPEN_TASKS = select(tasks).where(tasks.c.finished_at.is_(None)).order_by(tasks.c.id)

_TASK = select(tasks.c.server_id, tasks.c.error, tasks.c.deadline_at).where(
    tasks.c.id == bindparam("task"), tasks.c.finished_at.is_(None)
)

_STEP = select(task_steps.c.undone_at).where(
    task_steps.c.task_id == bindparam("task"), task_steps.c.name == bindparam("step")
)


def _open_task(connection: Connection, task_id: int) -> rows.AnyRow | None:
    return connection.execute(_TASK, {"task": task_id}).one_or_none()


def _step(connection: Connection, task_id: int, name: str) -> rows.AnyRow | None:
    return connection.execute(_STEP, {"task": task_id, "step": name}).one_or_none()


def _add_step(
    connection: Connection,
    task_id: int,
    name: str,
    *,
    finished_at: datetime | None = None,
    undone_at: datetime | None = None,
    result: Mapping[str, str | int] | None = None,
) -> None:
    last = connection.scalar(
        select(func.max(task_steps.c.seq)).where(task_steps.c.task_id == task_id)
    )
    connection.execute(
        insert(task_steps).values(
            task_id=task_id,
            seq=(last or 0) + 1,
            name=name,
            finished_at=finished_at,
            undone_at=undone_at,
            result=result or {},
        )
    )


def _change_server(
    connection: Connection, server_id: str, change: ServerChange, now: datetime
) -> None:
    values = serverrows.change_values(change)
    if not values:
        return
    connection.execute(
        update(servers).where(servers.c.id == server_id).values(**values, updated_at=now)
    )
    if change.get("deleted_at") is not None:
        addresses.release(connection, server_id, now)
        # They may hold secrets of its user's, and nobody needs them any more.
        forget_injection(connection, server_id)
        forget = update(servers).where(servers.c.id == server_id)
        connection.execute(forget.values(user_data=None))
        closed = (tasks.c.server_id == server_id) & tasks.c.finished_at.is_not(None)
        connection.execute(update(tasks).where(closed).values(args={}))


def _add_event(connection: Connection, server_id: str, text: str, now: datetime) -> None:
    connection.execute(insert(server_events).values(server_id=server_id, at=now, text=text))
    too_old = connection.scalar(
        select(server_events.c.id)
        .where(server_events.c.server_id == server_id)
        .order_by(server_events.c.id.desc())
        .offset(KEPT_EVENTS)
        .limit(1)
    )
    if too_old is not None:
        connection.execute(
            delete(server_events).where(
                server_events.c.server_id == server_id, server_events.c.id <= too_old
            )
        )
