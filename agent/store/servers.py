# SPDX-License-Identifier: Apache-2.0
"""Servers as the use cases want them: made, read, listed, and taken for an action.

Making a server and beginning an action are one transaction each: what was checked (quota,
addresses, states) still holds when the row is written. What is done to a server later is the
engine's, in `tasks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, Unpack

from sqlalchemy import Connection, bindparam, insert, select, update

from agent.errors import BadRequest, Conflict, OverQuota
from agent.model.capture import MAKES
from agent.model.change import ServerChange
from agent.model.injection import Injection
from agent.model.network import NicRequest
from agent.model.placement import NO_HINTS, Hints, HostLoad
from agent.model.quota import Count, Quota, Usage
from agent.model.server import Flavor, Server
from agent.model.states import TaskState, VmState
from agent.model.task import INTERRUPTED_BY, NewTask, Task
from agent.store import addresses, imageuse, loading, serverrows
from agent.store.claims import check_return, settle_claim
from agent.store.db import Database
from agent.store.injections import insert_injection
from agent.store.places import keep_hints
from agent.store.portgroups import find_all
from agent.store.quotas import budgets
from agent.store.remembered import Remembered
from agent.store.schema import server_events, servers, tasks
from agent.store.serverselect import ServerFilter, after, select_marker, select_servers
from agent.store.tags import write_tags
from agent.store.tasks import close_task, insert_task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Admission:
    """What must hold of a server for an action to begin, at the moment when it does."""

    label: str  # the action's, for the refusal
    vm_states: Collection[VmState] | None  # None: any
    interrupts: Collection[TaskState] = ()  # running tasks that may be pushed aside
    any_task: bool = False  # a running task does not matter, and goes on
    despite_lock: bool = False
    mends: str = ""  # from ERROR only where the fault says that this action mends it
    offers: Callable[[], Sequence[HostLoad]] | None = None
    """Of the hosts, asked when a suspended server needs room to come back. May not block."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The table `servers`, from the side of the API."""

    db: Database
    known: Remembered[Server]

    def create(
        self,
        draft: Callable[[int], Sequence[Server]],
        task: NewTask,
        *,
        count: Count,
        quota: Quota,
        nics: Sequence[NicRequest],
        injection: Injection | None = None,
        hints: Hints = NO_HINTS,
        image_ids: Collection[str] = (),
        security_groups: Collection[str] = (),
        rest_s: float,
        now: datetime,
    ) -> Sequence[Server]:
        """Write new servers, each with its ports, first task and what its guest is given.

        `draft` makes as many as it is told, of one project and flavor; they are given with their
        nics. `image_ids` are those that they stand on: they must still be active.
        `security_groups` are names or ids of what their new ports are in. Released
        addresses are given again after `rest_s` seconds. `quota` is the default one. Raises
        `OverQuota` with the numbers, and what `addresses.allocate`, `check_active`, `keep_hints`
        and `find_all` raise; nothing is written then.
        """
        with self.db.write() as connection:
            imageuse.check_active(connection, image_ids)
            (sample,) = draft(1)
            number = count.most
            for used, most in budgets(connection, sample.project_id, sample.user_id, quota):
                number = _fitting(used, sample.flavor, most, Count(count.least, number))
            drafts = [sample] if number == 1 else draft(number)
            groups = find_all(connection, sample.project_id, security_groups)
            for server in drafts:
                _insert(connection, server, task)
                addresses.allocate(
                    connection, server, nics, security_groups=groups, rest_s=rest_s, now=now
                )
                insert_injection(connection, server.id, injection)
                keep_hints(connection, server, hints, most_members=quota.server_group_members)
                insert_task(connection, server.id, task, now)
            return [loading.get_server(connection, server.id, None) for server in drafts]

    def get(self, server_id: str, *, project_id: str | None) -> Server:
        """One server that is not deleted, of this project (None: of any); `NotFound` otherwise.

        Who waits for a server asks again and again: what was read is remembered until anything is
        committed.
        """
        found = self.known.find(server_id, lambda: self._look(server_id))
        return loading.of_project(found, server_id, project_id)

    def _look(self, server_id: str) -> Server | None:
        with self.db.read() as connection:
            return loading.find_server(connection, server_id)

    def find_kept(self, server_id: str) -> Server | None:
        """One server of any project, a deleted one too, as long as its row is kept."""
        with self.db.read() as connection:
            found = loading.list_servers(
                connection, select(servers).where(servers.c.id == server_id)
            )
            return found[0] if found else None

    def list_deleted(self) -> Mapping[str, datetime]:
        """The ids of all deleted servers whose rows are kept, with when they were deleted."""
        with self.db.read() as connection:
            return {row.id: row.deleted_at for row in connection.execute(_DELETED)}

    def list_used_images(self) -> set[str]:
        """The ids of all images that servers stand on, kernels and RAM disks too."""
        with self.db.read() as connection:
            return imageuse.list_used(connection)

    def list_kept(self, name: str) -> Sequence[Server]:
        """The servers of this name of all projects, deleted ones too, newest first."""
        named = select(servers).where(servers.c.name == name)
        with self.db.read() as connection:
            return loading.list_servers(connection, named.order_by(servers.c.created_at.desc()))

    def list(self, wanted: ServerFilter) -> Sequence[Server]:
        """The servers that a filter lets through; `BadRequest` for an unknown marker."""
        return self.show(wanted, lambda server: server)

    def show(self, wanted: ServerFilter, shown: Callable[[Server], T]) -> Sequence[T]:
        """What is made of each of those servers while they are read, so that it must be quick.

        A thousand servers at once take megabytes, and the time to get them.
        """
        page = select_servers(wanted)
        with self.db.read() as connection:
            if wanted.marker is not None:
                last = connection.execute(select_marker(wanted)).one_or_none()
                if last is None:
                    raise BadRequest(f"marker [{wanted.marker}] not found")
                page = page.where(after(wanted.query.sort, tuple(last)))
            return loading.show_servers(connection, page.limit(wanted.limit), shown)

    def begin(
        self,
        server_id: str,
        task: NewTask,
        admission: Admission,
        *,
        change: ServerChange | None = None,
        image_ids: Collection[str] = (),
        now: datetime,
    ) -> Task:
        """Take a server for an action, if it is admitted, and `change` it.

        A running task that may be interrupted is closed and pushed aside; what it has failed of
        stays on record. A deletion that already runs is given again. `image_ids` are those that it
        is to stand on from now. Raises what `admit` and `check_active` raise.
        """
        with self.db.write() as connection:
            return take(
                connection, server_id, task, admission, now, change=change, image_ids=image_ids
            )

    def record(
        self,
        server_id: str,
        task: NewTask,
        admission: Admission,
        *,
        change: ServerChange,
        now: datetime,
    ) -> None:
        """Do an action that needs no host, and put it on record. Raises what `admit` raises.

        A running task that may be interrupted is closed, and its server is at rest again.
        """
        with self.db.write() as connection:
            running = loading.find_open_task(connection, server_id)
            admit(connection, server_id, admission)
            if not admission.any_task:
                _push_aside(connection, running, task, now)
                change = {**change, "task_state": None}
            _update(connection, server_id, now, **change)
            settle_claim(connection, server_id)
            insert_task(connection, server_id, task, now, finished=True)

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


def take(
    connection: Connection,
    server_id: str,
    task: NewTask,
    admission: Admission,
    now: datetime,
    *,
    change: ServerChange | None = None,
    image_ids: Collection[str] = (),
) -> Task:
    """Do what `Servers.begin` does, inside the caller's transaction."""
    running = loading.find_open_task(connection, server_id)
    if running and _same_deletion(running, task):
        return running
    admit(connection, server_id, admission)
    imageuse.check_active(connection, image_ids)
    _push_aside(connection, running, task, now)
    shown: ServerChange = {**(change or {}), "task_state": task.task_state}
    if task.shows_progress:
        shown["progress"] = 0
    _update(connection, server_id, now, **shown)
    return insert_task(connection, server_id, task, now)


_TASKS_OF = (
    select(tasks).where(tasks.c.server_id == bindparam("server")).order_by(tasks.c.id.desc())
)

_DELETED = select(servers.c.id, servers.c.deleted_at).where(servers.c.deleted_at.is_not(None))

_STANDING = select(
    servers.c.vm_state,
    servers.c.task_state,
    servers.c.locked_by,
    servers.c.project_id,
    servers.c.host,
    servers.c.flavor,
    servers.c.fault,
).where(servers.c.id == bindparam("server"), servers.c.deleted_at.is_(None))


def _fitting(used: Usage, flavor: Flavor, quota: Quota, count: Count) -> int:
    """How many servers of a flavor the quota has room for; `OverQuota` for too few."""
    each = Usage(1, flavor.vcpus, flavor.ram_mb)
    least = Usage(count.least, count.least * each.cores, count.least * each.ram_mb)
    check_quota(used, least, quota)
    held = _held(used, each, quota)
    room = [(most - already) // more for _, more, already, most in held if most >= 0 and more]
    return min([count.most, *room])  # -1 is no limit, as in Nova


def check_quota(used: Usage, more: Usage, quota: Quota) -> None:
    """Raise `OverQuota`, with the numbers, when so much more is more than a project may use."""
    asked = _held(used, more, quota)
    # -1 is no limit, as in Nova; and nothing more is never too much.
    over = [row for row in asked if row[1] and 0 <= row[3] < row[1] + row[2]]
    if not over:
        return
    columns = (", ".join(map(str, column)) for column in zip(*over, strict=True))
    names, wanted, already, most = columns
    raise OverQuota(
        f"Quota exceeded for {names}: Requested {wanted}, "
        f"but already used {already} of {most} {names}"
    )


def _held(used: Usage, more: Usage, quota: Quota) -> list[tuple[str, int, int, int]]:
    """Each thing that a quota counts: how much more is asked, what is used, and the most."""
    return [
        ("instances", more.instances, used.instances, quota.instances),
        ("cores", more.cores, used.cores, quota.cores),
        ("ram", more.ram_mb, used.ram_mb, quota.ram_mb),
    ]


def _insert(connection: Connection, server: Server, task: NewTask) -> None:
    values = {**serverrows.server_values(server), "task_state": task.task_state}
    connection.execute(insert(servers).values(values))
    if server.tags:
        write_tags(connection, server.id, server.tags)


def _same_deletion(running: Task, asked: NewTask) -> bool:
    return (
        asked.task_state is TaskState.DELETING
        and running.action == asked.action
        and running.error is None
    )


def admit(connection: Connection, server_id: str, admission: Admission) -> None:
    """Raise `NotFound`, `Conflict` in Nova's words, or `NoCapacity`, unless all of it holds."""
    row = connection.execute(_STANDING, {"server": server_id}).one_or_none()
    if row is None:
        raise loading.no_server(server_id)
    if row.locked_by and not admission.despite_lock:
        raise Conflict(f"Instance {server_id} is locked")
    where = f"Cannot '{admission.label}' instance {server_id} while it is in"
    if admission.vm_states is not None and row.vm_state not in admission.vm_states:
        raise Conflict(f"{where} vm_state {row.vm_state}")
    mended_by = row.fault.mended_by if row.fault else ""
    is_broken = row.vm_state is VmState.ERROR
    if is_broken and admission.mends and mended_by != admission.mends:
        raise Conflict(f"{where} vm_state {row.vm_state}")
    is_free = admission.any_task or row.task_state is None
    if not is_free and row.task_state not in admission.interrupts:
        raise Conflict(f"{where} task_state {row.task_state}")
    if admission.offers is not None:
        check_return(connection, row, admission.offers)


def _push_aside(connection: Connection, running: Task | None, by: NewTask, now: datetime) -> None:
    if running:
        error = running.error or f"{INTERRUPTED_BY}{by.action}"
        close_task(connection, running.id, now, error=error)
        imageuse.drop_unfinished(connection, running.args.get(MAKES))


def _update(
    connection: Connection, server_id: str, now: datetime, **change: Unpack[ServerChange]
) -> None:
    connection.execute(
        update(servers)
        .where(servers.c.id == server_id)
        .values(**serverrows.change_values(change), updated_at=now)
    )
