# SPDX-License-Identifier: Apache-2.0
"""Keypairs: each is its user's, within the quota."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest

from agent.errors import Conflict, NotFound, OverQuota
from agent.model.keypair import Keypair, NewKeypair
from agent.model.quota import Quota
from agent.store import Store
from tests.unit.store.makers import NOW


def make_keypair(name: str = "laptop", user_id: str = "ann") -> NewKeypair:
    return NewKeypair(user_id, name, "ssh-ed25519 AAAA", "79:40", NOW)


def add(store: Store, *names: str, user_id: str = "ann", most: int = -1) -> list[Keypair]:
    return [
        store.keypairs.add(make_keypair(name, user_id), Quota(key_pairs=most), project_id="blue")
        for name in names
    ]


def test_a_keypair_reads_back_as_it_was_given_and_has_an_id(store: Store) -> None:
    (added,) = add(store, "laptop")

    assert added == Keypair(id=added.id, **asdict(make_keypair()))
    assert store.keypairs.get("ann", "laptop") == added


def test_an_id_is_never_given_again(store: Store) -> None:
    first, second = add(store, "a", "b")
    store.keypairs.delete("ann", "b")
    (third,) = add(store, "b")

    assert first.id < second.id < third.id


def test_keypairs_are_listed_by_name_and_only_to_their_user(store: Store) -> None:
    add(store, "b", "a")
    add(store, "a", "c", user_id="bob")

    assert [keypair.name for keypair in store.keypairs.list("ann")] == ["a", "b"]
    assert [keypair.name for keypair in store.keypairs.list("bob")] == ["a", "c"]


def test_another_users_keypair_is_not_found(store: Store) -> None:
    add(store, "laptop")

    with pytest.raises(NotFound, match=r"^Keypair laptop not found for user bob$"):
        store.keypairs.get("bob", "laptop")
    with pytest.raises(NotFound, match=r"^Keypair laptop not found for user bob$"):
        store.keypairs.delete("bob", "laptop")

    assert store.keypairs.get("ann", "laptop").name == "laptop"


def test_a_taken_name_is_a_conflict(store: Store) -> None:
    add(store, "laptop")

    with pytest.raises(Conflict, match=r"^Key pair 'laptop' already exists\.$"):
        add(store, "laptop")

    assert len(store.keypairs.list("ann")) == 1


def test_more_than_the_quota_is_refused(store: Store) -> None:
    add(store, "a", user_id="bob")
    add(store, "a", "b", most=2)

    with pytest.raises(OverQuota, match=r"^Quota exceeded, too many key pairs\.$"):
        add(store, "c", most=2)
    with pytest.raises(OverQuota):
        add(store, "a", user_id="eve", most=0)

    assert len(store.keypairs.list("ann")) == 2


def test_many_at_once_stay_within_the_quota(store: Store) -> None:
    def try_to_add(number: int) -> int:
        try:
            return len(add(store, str(number), most=5))
        except OverQuota:
            return 0

    with ThreadPoolExecutor(8) as pool:
        added = sum(pool.map(try_to_add, range(16)))

    assert added == len(store.keypairs.list("ann")) == 5


def test_a_deleted_keypair_is_gone(store: Store) -> None:
    add(store, "laptop")

    store.keypairs.delete("ann", "laptop")

    assert store.keypairs.list("ann") == []
    with pytest.raises(NotFound):
        store.keypairs.delete("ann", "laptop")
