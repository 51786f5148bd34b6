# SPDX-License-Identifier: Apache-2.0
"""What users rewrite of a server: in one transaction, and nothing else with it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from agent.errors import Conflict, NotFound
from agent.model.record import RecordChange
from agent.model.server import Server
from agent.store import Store
from tests.unit.store.makers import add_network, build, later, remove, rest


def always(change: RecordChange) -> Callable[[Server], RecordChange]:
    return lambda server: change


def test_only_what_is_named_is_changed(store: Store) -> None:
    add_network(store)
    server, other = rest(store), rest(store)

    changed = store.records.edit(
        server.id,
        always({"name": "new", "access_ipv4": "1.2.3.4"}),
        project_id="blue",
        now=later(5),
    )

    assert changed == replace(server, name="new", access_ipv4="1.2.3.4", updated_at=later(5))
    assert store.servers.get(server.id, project_id=None) == changed
    assert store.servers.get(other.id, project_id=None) == other


def test_every_field_can_be_set_while_a_task_runs(store: Store) -> None:
    server = build(store)
    change: RecordChange = {
        "name": "🦊",
        "access_ipv4": "",
        "access_ipv6": "::1",
        "disk_config": "AUTO",
        "metadata": {"a": "é"},
    }

    changed = store.records.edit(server.id, always(change), project_id=None, now=later(5))

    assert changed == replace(server, **change, updated_at=later(5))


def test_another_projects_server_is_not_found(store: Store) -> None:
    server = rest(store)

    with pytest.raises(NotFound):
        store.records.edit(server.id, always({"name": "new"}), project_id="red", now=later(5))

    assert store.servers.get(server.id, project_id=None) == server


def test_a_deleted_server_is_not_found(store: Store) -> None:
    server = rest(store)
    remove(store, server.id)

    with pytest.raises(NotFound):
        store.records.edit(server.id, always({"name": "new"}), project_id=None, now=later(5))


def test_a_refusal_leaves_everything(store: Store) -> None:
    server = rest(store)

    def refuse(server: Server) -> RecordChange:
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        store.records.edit(server.id, refuse, project_id=None, now=later(5))

    assert store.servers.get(server.id, project_id=None) == server


def test_many_writers_lose_nothing(store: Store) -> None:
    server = rest(store)

    def add(number: int) -> None:
        store.records.edit(
            server.id,
            lambda server: {"metadata": {**server.metadata, str(number): "x"}},
            project_id=None,
            now=later(number),
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))

    found = store.servers.get(server.id, project_id=None).metadata
    assert found == {str(number): "x" for number in range(40)}
