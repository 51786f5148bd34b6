# SPDX-License-Identifier: Apache-2.0
"""Why a server is as it is: all that was asked, done, told and corrected, in order of time.

It reads the database only. libvirt is never asked, so that this works when nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.actions import ACTIONS, status
from agent.errors import Conflict, NotFound
from agent.model.server import Server
from agent.model.settle import is_correction
from agent.model.states import Status
from agent.model.task import INTERRUPTED_BY, SYSTEM, Task
from agent.store import Store
from agent.workflows.step import Step

ITSELF = "cumulet itself"

MOST_NAMED = 20
"""So many servers of one name are listed."""


class Kind(StrEnum):
    """What an entry of a history is."""

    REQUEST = "request"  # somebody asked for an action
    STEP = "step"  # of it; its effect is there
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # another request pushed it aside
    RUNNING = "running"
    LIBVIRT = "libvirt"  # libvirt told it, with its reason
    CORRECTED = "corrected"  # the record was made to say what the domain is


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    at: datetime
    kind: Kind
    text: str
    took_s: float | None = None
    why: str = ""  # what it failed of, or was interrupted by


@dataclass(frozen=True, slots=True)
class History:
    """A server as it is now, and how it got there."""

    server: Server
    owner: str  # the user who made it
    entries: tuple[Entry, ...]  # oldest first

    @property
    def status(self) -> Status:
        """What the API shows of it while its host answers."""
        return status(self.server.vm_state, self.server.task_state)


def find_server(store: Store, name_or_id: str) -> Server:
    """Find one server of any project, by its id (a deleted one too) or by its name.

    `Conflict` lists the ids when several have the name. `NotFound` when none has it; the ids of
    deleted ones that had it are listed then.
    """
    found = store.servers.find_kept(name_or_id)
    if found is not None:
        return found
    named = store.servers.list_kept(name_or_id)
    there = [server for server in named if server.deleted_at is None]
    if len(there) == 1:
        return there[0]
    if there:
        raise Conflict(
            f"{len(there)} servers are called '{name_or_id}'. Say which one, by its id:"
            f"{_list(there)}"
        )
    if named:
        raise NotFound(
            f"No server is called '{name_or_id}' any more. These were; name one by its id:"
            f"{_list(named)}"
        )
    raise NotFound(f"No server has the id or the name '{name_or_id}'.")


def read_history(store: Store, server: Server, now: datetime) -> History:
    """Read all that is kept of a server; `now` is what a running request is measured to."""
    tasks = store.servers.list_tasks(server.id)
    users = {server.user_id, *(task.user_id for task in tasks)}
    names = {user_id: _user_name(store, user_id) for user_id in users}
    entries = merge(tasks, store.servers.list_events(server.id), names, now)
    return History(server, names[server.user_id], entries)


def merge(
    tasks: Sequence[Task],
    events: Sequence[tuple[datetime, str]],
    names: Mapping[str, str],
    now: datetime,
) -> tuple[Entry, ...]:
    """Put the tasks (in any order) and the lines of the history into one order of time.

    At the same instant a correction comes first: a request that it makes begins with it.
    """
    told = [
        Entry(at, Kind.CORRECTED if is_correction(text) else Kind.LIBVIRT, text)
        for at, text in events
    ]
    asked = [
        entry
        for task in sorted(tasks, key=lambda task: task.id)
        for entry in _entries_of(task, names, now)
    ]
    return tuple(sorted([*told, *asked], key=lambda entry: entry.at))


def _entries_of(task: Task, names: Mapping[str, str], now: datetime) -> list[Entry]:
    """A request, its steps, and its end or what it is at."""
    who = names.get(task.user_id, task.user_id)
    entries = [
        Entry(task.started_at, Kind.REQUEST, f"{_label(task)} by {who}, {task.request_id}"),
    ]
    since = task.started_at
    for step in task.steps:
        took_s = (step.finished_at - since).total_seconds()
        entries.append(Entry(step.finished_at, Kind.STEP, step.name, took_s))
        since = step.finished_at
    return [*entries, _ending(task, now)]


def _ending(task: Task, now: datetime) -> Entry:
    at, label, error = task.finished_at or now, _label(task), task.error
    took_s = (at - task.started_at).total_seconds()
    where = f"{label}{_at_step(task)}"
    if task.finished_at is None:
        why = f"{error} It is being undone." if error else ""
        return Entry(at, Kind.RUNNING, where, took_s, why)
    if error is None:
        return Entry(at, Kind.DONE, label, took_s)
    if error.startswith(INTERRUPTED_BY):
        by = error.removeprefix(INTERRUPTED_BY)
        return Entry(at, Kind.INTERRUPTED, where, took_s, f"by {by}")
    return Entry(at, Kind.FAILED, where, took_s, f"{error}{_undone(task)}")


def _label(task: Task) -> str:
    """The action as users know it, with the row of the table where they know two as one."""
    action = ACTIONS.get(task.action)
    if action is None or action.label == action.name:
        return task.action
    return f"{action.label} ({action.name})"


def _at_step(task: Task) -> str:
    """Which step a task is at, or did not get past."""
    done = {step.name for step in task.steps}
    left = [step.name for step in _workflow(task) if step.name not in done]
    return f" in step {left[0]}" if left else ""


def _undone(task: Task) -> str:
    names = [step.name for step in _workflow(task) if step.undo and step.name in task.undone]
    return f" Undone: {', '.join(reversed(names))}." if names else ""


def _workflow(task: Task) -> Sequence[Step]:
    action = ACTIONS.get(task.action)
    return action.workflow if action else ()


def _user_name(store: Store, user_id: str) -> str:
    if user_id == SYSTEM:
        return ITSELF
    try:
        return store.identity.get_user(user_id).name
    except NotFound:
        return f"user {user_id}"


def _list(servers: Sequence[Server]) -> str:
    lines = [
        f"\n  {server.id}  {status(server.vm_state, server.task_state):9}"
        f"  created {server.created_at:%Y-%m-%d %H:%M:%S} UTC"
        for server in servers[:MOST_NAMED]
    ]
    more = len(servers) - len(lines)
    return "".join(lines) + (f"\n  and {more} more" if more else "")
