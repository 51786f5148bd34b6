# SPDX-License-Identifier: Apache-2.0
"""What was read is remembered, and never longer than it is true."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from agent.errors import NotFound
from agent.model.identity import Project
from agent.model.states import TaskState
from agent.store import Store
from agent.store.db import Database
from agent.store.remembered import Remembered
from tests.unit.store.makers import ANYHOW, NOW, make_task, remove, rest
from tests.unit.store.statements import count_statements

MOST = 4


def remember(db: Database) -> Remembered[str]:
    return Remembered(db, MOST)


def must_not_look() -> str:
    raise AssertionError("it was remembered")


def commit(store: Store) -> None:
    store.identity.add_project(Project(str(uuid.uuid4()), f"lab {uuid.uuid4()}"))


def test_the_version_is_another_one_after_any_commit(store: Store, elsewhere: Store) -> None:
    first = store.db.version()
    assert store.db.version() == first
    commit(store)
    second = store.db.version()
    commit(store)
    third = store.db.version()
    commit(elsewhere)
    assert len({first, second, third, store.db.version()}) == 4


@pytest.mark.parametrize("by_other_process", [False, True])
def test_it_is_looked_again_after_any_commit(
    store: Store, elsewhere: Store, by_other_process: bool
) -> None:
    known = remember(store.db)
    assert known.find("a", lambda: "old") == "old"
    assert known.find("a", must_not_look) == "old"
    commit(elsewhere if by_other_process else store)
    assert known.find("a", lambda: "new") == "new"
    assert len(known) == 1


def test_what_was_read_before_a_commit_is_not_taken_for_newer(store: Store) -> None:
    known = remember(store.db)

    def look_slowly() -> str:
        commit(store)
        assert known.find("b", lambda: "another thread's") == "another thread's"
        return "seen before the commit"

    assert known.find("a", look_slowly) == "seen before the commit"
    assert known.find("a", lambda: "seen after it") == "seen after it"
    assert known.find("b", must_not_look) == "another thread's"


def test_what_is_not_there_is_looked_for_each_time(store: Store) -> None:
    known = remember(store.db)
    assert known.find("a", lambda: None) is None
    assert known.find("a", lambda: "there") == "there"


def test_few_values_are_remembered(store: Store) -> None:
    known = remember(store.db)
    for number in range(3 * MOST):
        assert known.find(str(number), lambda: "value") == "value"
        assert len(known) <= MOST


def test_a_database_that_can_not_tell_its_version_is_always_asked(store: Store) -> None:
    known = remember(replace(store.db, commits=None))
    assert known.find("a", lambda: "old") == "old"
    assert known.find("a", lambda: "new") == "new"


def test_a_server_is_read_once_while_nothing_changes(store: Store) -> None:
    server_id = rest(store).id

    def get() -> object:
        return store.servers.get(server_id, project_id="blue")

    first = get()
    assert count_statements(store, get) == 0
    assert get() is first


def test_a_server_that_is_remembered_is_another_project_s_still(store: Store) -> None:
    server_id = rest(store).id
    assert store.servers.get(server_id, project_id="blue").id == server_id
    with pytest.raises(NotFound, match=server_id):
        store.servers.get(server_id, project_id="red")


@pytest.mark.parametrize("by_other_process", [False, True])
def test_a_server_s_change_is_seen_at_once(
    store: Store, elsewhere: Store, by_other_process: bool
) -> None:
    server_id = rest(store).id
    assert store.servers.get(server_id, project_id="blue").task_state is None
    changing = elsewhere if by_other_process else store
    changing.servers.begin(server_id, make_task("stop", TaskState.POWERING_OFF), ANYHOW, now=NOW)
    found = store.servers.get(server_id, project_id="blue")
    assert found.task_state is TaskState.POWERING_OFF


@pytest.mark.parametrize("by_other_process", [False, True])
def test_a_server_that_was_remembered_is_gone_with_its_deletion(
    store: Store, elsewhere: Store, by_other_process: bool
) -> None:
    server_id = rest(store).id
    assert store.servers.get(server_id, project_id="blue").id == server_id
    remove(elsewhere if by_other_process else store, server_id)
    with pytest.raises(NotFound, match=server_id):
        store.servers.get(server_id, project_id="blue")
