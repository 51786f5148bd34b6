# SPDX-License-Identifier: Apache-2.0
"""Quotas: which of those that were set counts, and that servers are held against it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from agent.errors import BadRequest, OverQuota
from agent.model.quota import Quota, Usage
from agent.store import Store
from tests.unit.store.makers import build, make_server

DEFAULT = Quota(cores=-1)


def test_the_nearest_that_was_set_counts(store: Store) -> None:
    seen = [store.quotas.get("blue", DEFAULT).instances]
    store.quotas.set_class("default", {"instances": 5}, DEFAULT)
    seen.append(store.quotas.get("blue", DEFAULT).instances)
    store.quotas.set("blue", {"instances": 4}, DEFAULT)
    seen.append(store.quotas.get("blue", DEFAULT).instances)
    store.quotas.set("blue", {"instances": 3}, DEFAULT, user_id="ann")

    assert seen == [10, 5, 4]
    assert store.quotas.get("blue", DEFAULT, "ann") == replace(DEFAULT, instances=3)
    assert store.quotas.get("blue", DEFAULT, "bob").instances == 4
    assert store.quotas.get("red", DEFAULT).instances == 5
    assert store.quotas.get_class("other", DEFAULT) == DEFAULT


def test_a_reset_project_has_the_defaults_again(store: Store) -> None:
    store.quotas.set("blue", {"instances": 4, "ram": 64}, DEFAULT)
    for user_id in ("ann", "bob"):
        store.quotas.set("blue", {"ram": 32}, DEFAULT, user_id=user_id)

    store.quotas.reset("blue", "ann")
    assert store.quotas.get("blue", DEFAULT, "ann").ram_mb == 64
    assert store.quotas.get("blue", DEFAULT, "bob").ram_mb == 32

    store.quotas.reset("blue")
    assert store.quotas.get("blue", DEFAULT, "bob") == DEFAULT


def test_less_than_is_used_is_set_by_force_only(store: Store) -> None:
    build(store)

    with pytest.raises(BadRequest, match=r"^Quota limit 1 for cores must be greater than or equal"):
        store.quotas.set("blue", {"instances": 5, "cores": 1}, DEFAULT)

    assert store.quotas.get("blue", DEFAULT) == DEFAULT
    assert store.quotas.set("blue", {"cores": 1}, DEFAULT, force=True).cores == 1
    assert store.quotas.set("blue", {"cores": -1}, DEFAULT).cores == -1
    assert store.quotas.usage("blue") == store.quotas.usage("blue", "ann") == Usage(1, 2, 2048)
    assert store.quotas.usage("blue", "bob") == Usage()


@pytest.mark.parametrize("most", [11, -1])
def test_a_user_has_no_more_than_the_project_but_by_force(store: Store, most: int) -> None:
    with pytest.raises(BadRequest, match=r"must be less than or equal to 10\.$"):
        store.quotas.set("blue", {"instances": most}, DEFAULT, user_id="ann")

    assert (
        store.quotas.set("blue", {"instances": most}, DEFAULT, user_id="ann", force=True).instances
        == most
    )


def test_a_new_server_must_fit_into_the_users_quota_too(store: Store) -> None:
    store.quotas.set("blue", {"instances": 1}, DEFAULT, user_id="ann")
    build(store, quota=DEFAULT)
    other = replace(make_server(), user_id="bob")

    with pytest.raises(OverQuota, match=r"already used 1 of 1 instances$"):
        build(store, quota=DEFAULT)
    assert build(store, other, quota=DEFAULT).user_id == "bob"


def test_of_many_creates_as_many_win_as_were_set(store: Store) -> None:
    store.quotas.set("blue", {"instances": 3}, DEFAULT)

    def race(_: int) -> int:
        try:
            return len(build(store, quota=DEFAULT).id[:1])
        except OverQuota:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(race, range(12))) == 3
