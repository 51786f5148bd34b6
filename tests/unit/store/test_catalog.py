# SPDX-License-Identifier: Apache-2.0
"""Flavors: which there are, and that no two are of a name."""

from __future__ import annotations

import pytest

from agent.errors import Conflict, NotFound
from agent.model.server import Flavor
from agent.store import Store


def test_flavors_come_smallest_first(store: Store) -> None:
    large = Flavor("1", "m1.large", 4, 8192, 80, False, "big", {"hw:cpu_policy": "shared"})
    small = Flavor("2", "m1.small", 1, 2048, 20)
    store.catalog.add_flavor(large)
    store.catalog.add_flavor(small)

    assert store.catalog.list_flavors() == [small, large]
    assert store.catalog.get_flavor("1") == large


def test_an_unknown_flavor_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match=r"^Flavor 99 could not be found\.$"):
        store.catalog.get_flavor("99")


def test_a_taken_flavor_name_is_a_conflict(store: Store) -> None:
    store.catalog.add_flavor(Flavor("1", "m1.small", 1, 2048, 20))

    with pytest.raises(Conflict):
        store.catalog.add_flavor(Flavor("2", "m1.small", 1, 2048, 20))
