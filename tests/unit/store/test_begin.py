# SPDX-License-Identifier: Apache-2.0
"""Beginning an action: one open task a server, refusals in Nova's words, interrupts."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from agent.errors import Conflict, NotFound
from agent.model.change import ServerChange
from agent.model.states import TaskState, VmState
from agent.store import Store
from agent.store.schema import tasks
from tests.unit.store.makers import (
    ANYHOW,
    DELETE,
    NOW,
    START,
    STOP,
    admit,
    build,
    later,
    open_task,
    remove,
    rest,
)

FROM_ACTIVE = admit(VmState.ACTIVE)


def test_begin_takes_a_resting_server(store: Store) -> None:
    server = rest(store)

    task = store.servers.begin(server.id, STOP, FROM_ACTIVE, now=later(5))

    assert (task.action, task.started_at, task.deadline_at) == ("stop", later(5), later(605))
    assert open_task(store, server.id) == task
    found = store.tasks.get_server(server.id)
    assert (found.vm_state, found.task_state) == (VmState.ACTIVE, TaskState.POWERING_OFF)
    assert found.updated_at == later(5)


def test_begin_in_the_wrong_vm_state_is_a_conflict_in_novas_words(store: Store) -> None:
    server = rest(store, vm_state=VmState.STOPPED)

    with pytest.raises(Conflict) as refusal:
        store.servers.begin(server.id, STOP, FROM_ACTIVE, now=NOW)

    assert (
        refusal.value.message
        == f"Cannot 'act' instance {server.id} while it is in vm_state stopped"
    )
    assert store.tasks.find_open_task(server.id) is None


def test_begin_during_another_task_is_a_conflict_in_novas_words(store: Store) -> None:
    server = rest(store)
    store.servers.begin(server.id, STOP, FROM_ACTIVE, now=NOW)

    with pytest.raises(Conflict) as refusal:
        store.servers.begin(server.id, STOP, FROM_ACTIVE, now=NOW)

    assert (
        refusal.value.message
        == f"Cannot 'act' instance {server.id} while it is in task_state powering-off"
    )


def test_begin_on_an_unknown_server_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound) as refusal:
        store.servers.begin("nowhere", DELETE, ANYHOW, now=NOW)

    assert refusal.value.message == "Instance nowhere could not be found."


def test_begin_on_a_deleted_server_is_not_found(store: Store) -> None:
    server = rest(store)
    remove(store, server.id)

    with pytest.raises(NotFound):
        store.servers.begin(server.id, DELETE, ANYHOW, now=NOW)


def test_an_interrupt_closes_the_running_task(store: Store) -> None:
    server = build(store)
    build_task = open_task(store, server.id)

    task = store.servers.begin(server.id, DELETE, ANYHOW, now=later(3))

    assert open_task(store, server.id) == task
    closed = store.servers.list_tasks(server.id)[1]
    assert (closed.id, closed.finished_at) == (build_task.id, later(3))
    assert closed.error == "interrupted by delete"
    assert store.tasks.get_server(server.id).task_state is TaskState.DELETING


def test_an_interrupt_keeps_why_the_running_task_had_failed(store: Store) -> None:
    server = build(store)
    store.tasks.fail_task(open_task(store, server.id).id, "no disk space", NOW)

    store.servers.begin(server.id, DELETE, ANYHOW, now=later(3))

    closed = store.servers.list_tasks(server.id)[1]
    assert (closed.finished_at, closed.error) == (later(3), "no disk space")


def test_an_interrupted_task_can_write_nothing_more(store: Store) -> None:
    server = build(store)
    task = open_task(store, server.id)
    store.servers.begin(server.id, DELETE, ANYHOW, now=NOW)
    change = ServerChange(vm_state=VmState.ACTIVE, task_state=TaskState.SPAWNING)

    assert not store.tasks.record_step(task.id, "define", NOW, change, {})
    assert not store.tasks.record_undo(task.id, "define", NOW)
    assert not store.tasks.fail_task(task.id, "late", NOW)
    assert not store.tasks.finish_task(task.id, change, NOW)
    assert not store.tasks.postpone_deadline(task.id, 5)
    found = store.tasks.get_server(server.id)
    assert (found.vm_state, found.task_state) == (VmState.BUILDING, TaskState.DELETING)


def test_only_the_named_task_states_are_interrupted(store: Store) -> None:
    server = rest(store)
    store.servers.begin(server.id, STOP, FROM_ACTIVE, now=NOW)

    with pytest.raises(Conflict):
        store.servers.begin(server.id, START, admit(interrupts={TaskState.SPAWNING}), now=NOW)
    task = store.servers.begin(
        server.id, START, admit(interrupts={TaskState.POWERING_OFF}), now=NOW
    )

    assert open_task(store, server.id) == task


def test_a_second_delete_is_the_first_one(store: Store) -> None:
    server = rest(store)
    first = store.servers.begin(server.id, DELETE, ANYHOW, now=NOW)

    second = store.servers.begin(server.id, DELETE, ANYHOW, now=later(9))

    assert second == first
    assert len(store.servers.list_tasks(server.id)) == 2


def test_of_two_begins_on_one_server_one_wins(store: Store) -> None:
    server = rest(store)
    gate = threading.Barrier(2)

    def race(_: int) -> str:
        gate.wait()
        try:
            store.servers.begin(server.id, STOP, FROM_ACTIVE, now=NOW)
        except Conflict:
            return "lost"
        return "won"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(race, range(2)))

    assert sorted(outcomes) == ["lost", "won"]


def test_the_database_itself_refuses_a_second_open_task(store: Store) -> None:
    server = build(store)
    columns = {
        "request_id": "req-2",
        "server_id": server.id,
        "action": "stop",
        "user_id": "ann",
        "project_id": "blue",
        "args": {},
        "started_at": NOW,
        "deadline_at": NOW,
    }

    with pytest.raises(IntegrityError), store.db.write() as connection:
        connection.execute(insert(tasks).values(columns))
    with store.db.write() as connection:
        connection.execute(insert(tasks).values(columns | {"finished_at": NOW}))
