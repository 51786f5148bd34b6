# SPDX-License-Identifier: Apache-2.0
"""Flavors: which there are, and that no two are of a name."""

from __future__ import annotations

import pytest

from agent.errors import Conflict, NotFound
from agent.model.server import Flavor
from agent.store import Store


def test_flavors_come_smallest_first(store: Store) -> None:
    specs = {"hw:cpu_policy": "shared"}
    large = Flavor("1", "m1.large", 4, 8192, 80, False, "big", specs, 64, 2, 1.5)
    small = Flavor("2", "m1.small", 1, 2048, 20)
    store.catalog.add_flavor(large)
    store.catalog.add_flavor(small)

    assert store.catalog.list_flavors(project_id=None) == [small, large]
    assert store.catalog.get_flavor("1", project_id=None) == large


def test_an_unknown_flavor_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match=r"^Flavor 99 could not be found\.$"):
        store.catalog.get_flavor("99", project_id=None)


def test_a_taken_flavor_name_is_a_conflict(store: Store) -> None:
    store.catalog.add_flavor(Flavor("1", "m1.small", 1, 2048, 20))

    with pytest.raises(Conflict):
        store.catalog.add_flavor(Flavor("2", "m1.small", 1, 2048, 20))


def test_a_taken_flavor_id_is_a_conflict_in_novas_words(store: Store) -> None:
    store.catalog.add_flavor(Flavor("1", "m1.small", 1, 2048, 20))

    with pytest.raises(Conflict, match=r"^Flavor with ID 1 already exists\.$"):
        store.catalog.add_flavor(Flavor("1", "m1.other", 1, 2048, 20))


def test_a_private_flavor_is_seen_by_the_projects_that_are_let_in(store: Store) -> None:
    private = Flavor("1", "own", 1, 64, 1, is_public=False)
    store.catalog.add_flavor(private)

    assert store.catalog.add_access("1", "red") == ["red"]
    assert store.catalog.add_access("1", "blue") == ["blue", "red"]
    assert store.catalog.list_flavors(project_id="red") == [private]
    assert store.catalog.list_flavors(project_id="green") == []
    with pytest.raises(NotFound):
        store.catalog.get_flavor("1", project_id="green")
    with pytest.raises(Conflict):
        store.catalog.add_access("1", "red")

    assert store.catalog.remove_access("1", "red") == ["blue"]
    with pytest.raises(NotFound, match=r"^Flavor access not found for 1 / red combination\.$"):
        store.catalog.remove_access("1", "red")
    with pytest.raises(NotFound):
        store.catalog.get_flavor("1", project_id="red")


def test_a_deleted_flavor_takes_its_access_with_it(store: Store) -> None:
    private = Flavor("1", "own", 1, 64, 1, is_public=False)
    store.catalog.add_flavor(private)
    store.catalog.add_access("1", "red")

    store.catalog.delete_flavor("1")
    store.catalog.add_flavor(private)

    assert store.catalog.list_access("1") == []
    for call in (store.catalog.delete_flavor, store.catalog.list_access):
        with pytest.raises(NotFound):
            call("2")
