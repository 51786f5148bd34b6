# SPDX-License-Identifier: Apache-2.0
"""Tasks: steps recorded once, failures undone, ends that change the server, placement, history."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import insert

from agent.engine.ports import TaskStore
from agent.errors import NoCapacity, NotFound
from agent.model.change import ServerChange
from agent.model.network import NicRequest
from agent.model.placement import HostLoad, Wish, choose_host
from agent.model.server import Fault, Hardware, Rest, Server
from agent.model.states import PowerState, TaskState, VmState
from agent.model.task import StepRecord
from agent.store import Store
from agent.store.schema import server_events, servers
from tests.unit.store.makers import (
    NOW,
    SMALL,
    STOP,
    add_network,
    admit,
    build,
    later,
    make_server,
    open_task,
    remove,
    rest,
)

HARDWARE = Hardware("qemu", "x86_64", "pc-q35-7.2", "maximum", "sata", "e1000", "sata")


def test_the_tasks_are_what_the_engine_asks_for(store: Store) -> None:
    engine_side: TaskStore = store.tasks

    assert engine_side.list_open_tasks() == []


def test_a_recorded_step_changes_its_server_and_is_read_back(store: Store) -> None:
    server = build(store)
    task = open_task(store, server.id)
    change = ServerChange(task_state=TaskState.SPAWNING, progress=40, hardware=HARDWARE)

    assert store.tasks.record_step(task.id, "overlay", later(1), ServerChange(), {"bytes": 7})
    assert store.tasks.record_step(task.id, "define", later(2), change, {})

    assert open_task(store, server.id).steps == (
        StepRecord("overlay", later(1), {"bytes": 7}),
        StepRecord("define", later(2), {}),
    )
    assert store.tasks.get_server(server.id) == replace(
        server,
        task_state=TaskState.SPAWNING,
        progress=40,
        hardware=HARDWARE,
        updated_at=later(2),
    )


def test_a_step_recorded_twice_is_written_once_and_is_true(store: Store) -> None:
    server = build(store)
    task = open_task(store, server.id)
    store.tasks.record_step(task.id, "define", later(1), ServerChange(progress=1), {"a": 1})

    again = store.tasks.record_step(task.id, "define", later(2), ServerChange(progress=2), {"a": 2})

    assert again
    assert open_task(store, server.id).steps == (StepRecord("define", later(1), {"a": 1}),)
    assert store.tasks.get_server(server.id).progress == 1


def test_a_failed_task_records_no_steps(store: Store) -> None:
    server = build(store)
    task = open_task(store, server.id)

    assert store.tasks.fail_task(task.id, "no disk space", later(1))
    assert not store.tasks.record_step(task.id, "define", NOW, ServerChange(progress=9), {})

    failed = open_task(store, server.id)
    assert (failed.error, failed.steps) == ("no disk space", ())
    assert store.tasks.get_server(server.id).progress == 0


def test_the_first_failure_stays(store: Store) -> None:
    task = open_task(store, build(store).id)

    assert store.tasks.fail_task(task.id, "first", NOW)
    assert not store.tasks.fail_task(task.id, "second", NOW)
    assert open_task(store, task.server_id).error == "first"


def test_undone_steps_are_remembered_recorded_or_not(store: Store) -> None:
    task = open_task(store, build(store).id)
    store.tasks.record_step(task.id, "overlay", NOW, ServerChange(), {})
    store.tasks.fail_task(task.id, "why", NOW)

    assert store.tasks.record_undo(task.id, "define", later(1))
    assert store.tasks.record_undo(task.id, "overlay", later(2))
    assert store.tasks.record_undo(task.id, "overlay", later(3))

    found = open_task(store, task.server_id)
    assert found.steps == (StepRecord("overlay", NOW, {}),)
    assert set(found.undone) == {"define", "overlay"}


def test_a_task_that_has_not_failed_is_not_undone(store: Store) -> None:
    task = open_task(store, build(store).id)
    store.tasks.record_step(task.id, "overlay", NOW, ServerChange(), {})

    assert not store.tasks.record_undo(task.id, "overlay", NOW)
    assert open_task(store, task.server_id).undone == ()


def test_finish_clears_the_task_state_and_applies_the_end(store: Store) -> None:
    server = build(store)
    task = open_task(store, server.id)
    change = ServerChange(
        vm_state=VmState.ACTIVE,
        power_state=PowerState.RUNNING,
        progress=100,
        launched_at=later(4),
    )

    assert store.tasks.finish_task(task.id, change, later(5))

    assert store.tasks.get_server(server.id) == replace(
        server,
        vm_state=VmState.ACTIVE,
        task_state=None,
        power_state=PowerState.RUNNING,
        progress=100,
        launched_at=later(4),
        updated_at=later(5),
    )
    assert store.tasks.find_open_task(server.id) is None
    (done,) = store.servers.list_tasks(server.id)
    assert (done.finished_at, done.error) == (later(5), None)
    assert not store.tasks.finish_task(task.id, change, later(6))


def test_a_failed_tasks_end_keeps_its_error(store: Store) -> None:
    server = build(store)
    task = open_task(store, server.id)
    store.tasks.fail_task(task.id, "no disk space", NOW)
    fault = Fault(500, "no disk space", later(1), "1 of 9 GiB")

    store.tasks.finish_task(task.id, ServerChange(vm_state=VmState.ERROR, fault=fault), later(1))

    assert store.servers.list_tasks(server.id)[0].error == "no disk space"
    assert store.tasks.get_server(server.id).fault == fault


def test_every_field_of_a_change_has_its_column() -> None:
    assert set(ServerChange.__annotations__) <= set(servers.c.keys())


def test_a_fault_can_be_cleared(store: Store) -> None:
    server = rest(store, replace(make_server(), fault=Fault(500, "x", NOW)), VmState.ERROR)

    assert store.tasks.settle_server(server.id, VmState.ERROR, ServerChange(fault=None), "", NOW)
    assert store.tasks.get_server(server.id).fault is None


def test_finish_with_deleted_at_removes_the_ports(store: Store) -> None:
    add_network(store)
    server = build(store, nics=[NicRequest("net"), NicRequest("net")])

    remove(store, server.id)

    assert store.networks.list_ports(project_id=None) == []
    assert store.quotas.usage("blue").instances == 0


def test_a_deadline_moves_by_the_time_the_host_was_away(store: Store) -> None:
    task = open_task(store, build(store).id)

    assert store.tasks.postpone_deadline(task.id, 2.5)
    assert open_task(store, task.server_id).deadline_at == later(602.5)
    assert not store.tasks.postpone_deadline(task.id + 1, 2.5)


def test_open_tasks_come_oldest_first_with_their_own_steps(store: Store) -> None:
    one, two, three = (build(store) for _ in range(3))
    store.tasks.record_step(open_task(store, one.id).id, "a", NOW, ServerChange(), {})
    store.tasks.record_step(open_task(store, three.id).id, "b", NOW, ServerChange(), {})
    store.tasks.finish_task(open_task(store, two.id).id, ServerChange(), NOW)

    found = [
        (task.server_id, [step.name for step in task.steps])
        for task in store.tasks.list_open_tasks()
    ]

    assert found == [(one.id, ["a"]), (three.id, ["b"])]


def test_ids_of_tasks_grow(store: Store) -> None:
    server = rest(store)
    first = store.servers.list_tasks(server.id)[0].id

    second = store.servers.begin(server.id, STOP, admit(), now=NOW).id

    assert second > first
    assert [task.id for task in store.servers.list_tasks(server.id)] == [second, first]


def test_settling_expects_the_vm_state_and_no_task(store: Store) -> None:
    resting = rest(store)
    busy = build(store)
    change = ServerChange(vm_state=VmState.STOPPED)

    assert not store.tasks.settle_server(resting.id, VmState.PAUSED, change, "x", NOW)
    assert not store.tasks.settle_server(busy.id, VmState.BUILDING, change, "x", NOW)
    assert not store.tasks.settle_server("nowhere", VmState.ACTIVE, change, "x", NOW)
    assert store.tasks.settle_server(resting.id, VmState.ACTIVE, change, "it is off", later(1))

    assert store.servers.list_events(resting.id) == [(later(1), "it is off")]
    assert store.servers.list_events(busy.id) == []
    assert store.tasks.get_server(resting.id).vm_state is VmState.STOPPED


def test_a_settlement_without_a_text_adds_no_event(store: Store) -> None:
    server = rest(store)

    store.tasks.settle_server(
        server.id, VmState.ACTIVE, ServerChange(power_state=PowerState.RUNNING), "", NOW
    )

    assert store.servers.list_events(server.id) == []


def test_rests_are_of_one_host_and_not_deleted(store: Store) -> None:
    here = rest(store, replace(make_server(), host="here", power_state=PowerState.RUNNING))
    build(store, replace(make_server(), host="there"))
    build(store)
    remove(store, rest(store, replace(make_server(), host="here")).id)

    assert store.tasks.list_rests("here") == [
        Rest(here.id, VmState.ACTIVE, None, PowerState.RUNNING)
    ]


def test_events_keep_their_order_and_strangers_get_none(store: Store) -> None:
    server = rest(store)

    store.tasks.add_event(server.id, "one", later(2))
    store.tasks.add_event(server.id, "two", later(1))
    store.tasks.add_event("stranger", "three", NOW)

    assert store.servers.list_events(server.id) == [(later(2), "one"), (later(1), "two")]
    assert store.servers.list_events("stranger") == []


def test_a_history_has_an_end(store: Store) -> None:
    server = rest(store)

    with store.db.write() as connection:
        old = [{"server_id": server.id, "at": NOW, "text": str(n)} for n in range(1003)]
        connection.execute(insert(server_events), old)

    store.tasks.add_event(server.id, "1003", NOW)
    store.tasks.add_event(server.id, "1004", NOW)

    texts = [text for _, text in store.servers.list_events(server.id)]
    assert (len(texts), texts[0], texts[-1]) == (1000, "5", "1004")


def placed(
    store: Store,
    host: str | None,
    vm_state: VmState = VmState.ACTIVE,
    project_id: str = "blue",
) -> Server:
    return rest(store, replace(make_server(project_id=project_id), host=host), vm_state)


def test_placing_adds_what_is_claimed_to_each_host(store: Store) -> None:
    placed(store, "a")
    placed(store, "a", project_id="red")
    placed(store, "a", VmState.SUSPENDED)
    placed(store, "b", VmState.ERROR)
    placed(store, "unknown")
    placed(store, None)
    remove(store, placed(store, "a").id)
    server = build(store)
    asked: list[HostLoad] = []

    def choose(hosts: Sequence[HostLoad], wish: Wish) -> str:
        asked.extend(hosts)
        return "b"

    hosts = [HostLoad("a", 16, 9000, used_vcpus=1), HostLoad("b", 16, 9000), HostLoad("c", 1, 1)]
    assert store.tasks.claim_host(server.id, hosts, choose) == "b"

    assert asked == [
        HostLoad("a", 16, 9000, used_vcpus=5, used_ram_mb=4096, project_servers=1),
        HostLoad("b", 16, 9000, used_vcpus=2, used_ram_mb=2048, project_servers=1),
        HostLoad("c", 1, 1),
    ]
    assert store.tasks.get_server(server.id).host == "b"


def test_a_placed_server_keeps_its_host(store: Store) -> None:
    server = placed(store, "a")

    def refuse(hosts: Sequence[HostLoad], wish: Wish) -> str:
        raise NoCapacity("it was asked")

    assert store.tasks.claim_host(server.id, [], refuse) == "a"


def test_a_refused_placement_writes_nothing(store: Store) -> None:
    server = build(store)

    with pytest.raises(NoCapacity):
        store.tasks.claim_host(
            server.id, [HostLoad("a", 1, 1)], lambda h, wish: choose_host(h, SMALL)
        )

    assert store.tasks.get_server(server.id).host is None


def test_a_server_that_is_gone_is_not_placed(store: Store) -> None:
    with pytest.raises(NotFound):
        store.tasks.claim_host("nowhere", [], lambda hosts, wish: "a")


def test_the_last_place_is_given_once(store: Store) -> None:
    rivals = [build(store), build(store)]
    gate = threading.Barrier(2)

    def race(server: Server) -> str:
        gate.wait()
        try:
            return store.tasks.claim_host(
                server.id, [HostLoad("a", 3, 4000)], lambda hosts, wish: choose_host(hosts, SMALL)
            )
        except NoCapacity:
            return "none"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(race, rivals))

    assert sorted(outcomes) == ["a", "none"]
