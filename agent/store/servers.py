# SPDX-License-Identifier: Apache-2.0
"""Servers as the use cases want them: made, read, listed, and taken for an action.

Making a server and beginning an action are one transaction each: what was checked (quota,
addresses, states) still holds when the row is written. What is done to a server later is the
engine's, in `tasks.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from agent.errors import AgentError, BadRequest, Conflict, OverQuota
from agent.model.network import NicRequest
from agent.model.quota import Quota, Usage
from agent.model.server import Flavor, Server
from agent.model.states import TaskState, VmState
from agent.model.task import NewTask, Task
from agent.store import addresses, loading, rows
from agent.store.db import Database
from agent.store.schema import server_events, servers, tasks
from agent.store.tasks import close_task, insert_task


@dataclass(frozen=True, slots=True)
class ServerFilter:
    """Which servers a list shows: newest first, deleted ones never."""

    project_id: str | None  # None: of all projects
    limit: int | None = None
    marker: str | None = None  # the id of the last server of the page before


@dataclass(frozen=True, slots=True)
class Servers:
    """The table `servers`, from the side of the API."""

    db: Database

    def create(
        self,
        server: Server,
        task: NewTask,
        *,
        quota: Quota,
        nics: Sequence[NicRequest],
        rest_s: float,
        now: datetime,
    ) -> Server:
        """Write a new server with its ports and its first task; give it with its nics.

        Released addresses are given again after `rest_s` seconds. Raises `OverQuota` with the
        numbers, and what `addresses.allocate` raises; nothing is written then.
        """
        with self.db.write() as connection:
            _check_quota(_usage(connection, server.project_id), server.flavor, quota)
            values = {**rows.server_values(server), "task_state": task.task_state.value}
            connection.execute(insert(servers).values(values))
            addresses.allocate(connection, server, nics, rest_s=rest_s, now=now)
            insert_task(connection, server.id, task, now)
            return loading.get_server(connection, server.id, None)

    def get(self, server_id: str, *, project_id: str | None) -> Server:
        """One server that is not deleted, of this project (None: of any); `NotFound` otherwise."""
        with self.db.read() as connection:
            return loading.get_server(connection, server_id, project_id)

    def list(self, wanted: ServerFilter) -> Sequence[Server]:
        """The servers that a filter lets through; `BadRequest` for an unknown marker."""
        page = select(servers).where(_visible(wanted))
        with self.db.read() as connection:
            if wanted.marker is not None:
                page = page.where(_after(connection, wanted, wanted.marker))
            page = page.order_by(servers.c.created_at.desc(), servers.c.id.desc())
            return loading.list_servers(connection, page.limit(wanted.limit))

    def usage(self, project_id: str) -> Usage:
        """What a project's servers use, suspended ones too."""
        with self.db.read() as connection:
            return _usage(connection, project_id)

    def begin(
        self,
        server_id: str,
        task: NewTask,
        *,
        vm_states: Collection[VmState] | None,
        interrupts: Collection[TaskState] | None,
        now: datetime,
    ) -> Task:
        """Take a server for an action, when it rests in one of `vm_states` (None: in any).

        A running task whose task_state is in `interrupts` (None: any, empty: none) is closed and
        pushed aside; what it has failed of stays on record. A deletion that already runs is given
        again. `Conflict` in Nova's words when the states do not allow it, `NotFound` when the
        server is gone.
        """
        with self.db.write() as connection:
            running = loading.find_open_task(connection, server_id)
            if running and _same_deletion(running, task):
                return running
            taken = connection.execute(
                update(servers)
                .where(
                    servers.c.id == server_id,
                    servers.c.deleted_at.is_(None),
                    _any_of(servers.c.vm_state, vm_states),
                    or_(servers.c.task_state.is_(None), _any_of(servers.c.task_state, interrupts)),
                )
                .values(task_state=task.task_state.value, updated_at=now)
            )
            if taken.rowcount == 0:
                raise _refusal(connection, server_id, task.action, vm_states)
            if running:
                error = running.error or f"interrupted by {task.action}"
                close_task(connection, running.id, now, error=error)
            return insert_task(connection, server_id, task, now)

    def list_events(self, server_id: str) -> Sequence[tuple[datetime, str]]:
        """The lines of a server's history, oldest first; of a deleted server too."""
        statement = (
            select(server_events.c.at, server_events.c.text)
            .where(server_events.c.server_id == server_id)
            .order_by(server_events.c.id)
        )
        with self.db.read() as connection:
            return [(event.at, event.text) for event in connection.execute(statement)]

    def list_tasks(self, server_id: str) -> Sequence[Task]:
        """All tasks of a server with their steps, newest first; of a deleted server too."""
        with self.db.read() as connection:
            return loading.list_tasks(connection, _TASKS_OF, {"server": server_id})


_TASKS_OF = (
    select(tasks).where(tasks.c.server_id == bindparam("server")).order_by(tasks.c.id.desc())
)

_USAGE = select(
    func.count(),
    func.coalesce(func.sum(servers.c.vcpus), 0),
    func.coalesce(func.sum(servers.c.ram_mb), 0),
).where(servers.c.project_id == bindparam("project"), servers.c.deleted_at.is_(None))


def _usage(connection: Connection, project_id: str) -> Usage:
    instances, cores, ram_mb = connection.execute(_USAGE, {"project": project_id}).one()
    return Usage(instances=instances, cores=cores, ram_mb=ram_mb)


def _check_quota(used: Usage, flavor: Flavor, quota: Quota) -> None:
    asked = (
        ("instances", 1, used.instances, quota.instances),
        ("cores", flavor.vcpus, used.cores, quota.cores),
        ("ram", flavor.ram_mb, used.ram_mb, quota.ram_mb),
    )
    over = [row for row in asked if 0 <= row[3] < row[1] + row[2]]  # -1 is no limit, as in Nova
    if not over:
        return
    names, more, already, most = (", ".join(map(str, column)) for column in zip(*over, strict=True))
    raise OverQuota(
        f"Quota exceeded for {names}: Requested {more}, "
        f"but already used {already} of {most} {names}"
    )


def _visible(wanted: ServerFilter) -> ColumnElement[bool]:
    if wanted.project_id is None:
        return servers.c.deleted_at.is_(None)
    return and_(servers.c.deleted_at.is_(None), servers.c.project_id == wanted.project_id)


def _after(connection: Connection, wanted: ServerFilter, marker: str) -> ColumnElement[bool]:
    last = connection.execute(
        select(servers.c.created_at).where(servers.c.id == marker, _visible(wanted))
    ).one_or_none()
    if last is None:
        raise BadRequest(f"marker [{marker}] not found")
    return or_(
        servers.c.created_at < last.created_at,
        and_(servers.c.created_at == last.created_at, servers.c.id < marker),
    )


def _any_of(
    column: ColumnElement[Any], allowed: Collection[VmState] | Collection[TaskState] | None
) -> ColumnElement[bool]:
    if allowed is None:
        return true()
    if not allowed:
        return false()
    return column.in_(sorted(state.value for state in allowed))


def _same_deletion(running: Task, asked: NewTask) -> bool:
    return (
        asked.task_state is TaskState.DELETING
        and running.action == asked.action
        and running.error is None
    )


def _refusal(
    connection: Connection, server_id: str, action: str, vm_states: Collection[VmState] | None
) -> AgentError:
    """Say why a server could not be taken."""
    found = connection.execute(
        select(servers.c.vm_state, servers.c.task_state).where(
            servers.c.id == server_id, servers.c.deleted_at.is_(None)
        )
    ).one_or_none()
    if found is None:
        return loading.no_server(server_id)
    where = f"Cannot '{action}' instance {server_id} while it is in"
    if vm_states is not None and VmState(found.vm_state) not in vm_states:
        return Conflict(f"{where} vm_state {found.vm_state}")
    return Conflict(f"{where} task_state {found.task_state}")
