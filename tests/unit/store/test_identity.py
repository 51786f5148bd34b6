# SPDX-License-Identifier: Apache-2.0
"""Accounts, roles and tokens."""

from __future__ import annotations

from datetime import datetime

import pytest

from agent.errors import Conflict, NotFound
from agent.model.identity import Project, Token, User
from agent.store import Store
from tests.unit.store.makers import NOW, later

LAB = Project(id="p1", name="lab", enabled=True, description="the lab")
ANN = User(id="u1", name="ann", password_hash="scrypt$x", default_project_id="p1")


def make_token(token_hash: str = "hash", expires_at: datetime = NOW) -> Token:
    return Token(token_hash, "audit", "u1", "p1", ("password", "token"), NOW, expires_at)


@pytest.fixture
def accounts(store: Store) -> Store:
    store.identity.add_project(LAB)
    store.identity.add_user(ANN)
    return store


def test_accounts_are_found_by_name_and_id(accounts: Store) -> None:
    assert accounts.identity.find_user("ann") == accounts.identity.get_user("u1") == ANN
    assert accounts.identity.find_project("lab") == accounts.identity.get_project("p1") == LAB


def test_unknown_accounts_are_not_found(store: Store) -> None:
    assert store.identity.find_user("ann") is None
    assert store.identity.find_project("lab") is None
    with pytest.raises(NotFound, match=r"^Could not find user: u1\.$"):
        store.identity.get_user("u1")
    with pytest.raises(NotFound, match=r"^Could not find project: p1\.$"):
        store.identity.get_project("p1")


def test_a_taken_name_is_a_conflict(accounts: Store) -> None:
    with pytest.raises(Conflict):
        accounts.identity.add_user(User(id="u2", name="ann", password_hash="y"))
    with pytest.raises(Conflict):
        accounts.identity.add_project(Project(id="p2", name="lab"))


def test_the_first_user_is_noticed(store: Store) -> None:
    assert not store.identity.has_any_user()
    store.identity.add_user(User(id="u2", name="bob", password_hash="y"))
    assert store.identity.has_any_user()


def test_a_role_is_made_once(store: Store) -> None:
    member = store.identity.ensure_role("member")

    assert store.identity.ensure_role("member") == member
    assert store.identity.ensure_role("reader") != member


def test_roles_are_borne_in_one_project(accounts: Store) -> None:
    identity = accounts.identity
    identity.add_project(Project(id="p2", name="attic"))
    member, admin = identity.ensure_role("member"), identity.ensure_role("admin")

    grants = accounts.grants
    for role in (member, admin, member):
        grants.assign("u1", "p1", role.id)

    assert grants.roles_of("u1", "p1") == (admin, member)
    assert grants.roles_of("u1", "p2") == ()
    assert grants.projects_of("u1") == [LAB]


def test_a_role_needs_a_user_and_a_project(accounts: Store) -> None:
    role = accounts.identity.ensure_role("member")

    with pytest.raises(NotFound):
        accounts.grants.assign("nobody", "p1", role.id)


def test_a_new_password_ends_the_users_tokens(accounts: Store) -> None:
    accounts.tokens.add(make_token(expires_at=later(60)))

    accounts.identity.update_user("u1", password_hash="scrypt$new")

    assert accounts.identity.get_user("u1").password_hash == "scrypt$new"
    assert accounts.tokens.find_bearer("hash", NOW) is None
    with pytest.raises(NotFound):
        accounts.identity.update_user("nobody", password_hash="scrypt$new")


def test_a_token_is_found_until_it_expires(accounts: Store) -> None:
    token = make_token(expires_at=later(60))
    accounts.tokens.add(token)

    found = accounts.tokens.find_bearer("hash", later(59.999))
    assert found is not None
    assert found.token == token
    assert accounts.tokens.find_bearer("hash", later(60)) is None
    assert accounts.tokens.find_bearer("other", NOW) is None


def test_a_revoked_token_is_forgotten(accounts: Store) -> None:
    accounts.tokens.add(make_token(expires_at=later(60)))

    accounts.tokens.revoke("hash")
    accounts.tokens.revoke("hash")

    assert accounts.tokens.find_bearer("hash", NOW) is None


def test_purging_takes_expired_tokens_only(accounts: Store) -> None:
    accounts.tokens.add(make_token("old", later(10)))
    accounts.tokens.add(make_token("new", later(90)))

    accounts.tokens.purge(later(10))

    assert accounts.tokens.find_bearer("old", NOW) is None
    assert accounts.tokens.find_bearer("new", NOW) is not None


def test_a_token_of_nobody_is_refused(store: Store) -> None:
    with pytest.raises(Conflict) as refusal:
        store.tokens.add(make_token("secret-hash"))

    assert "secret-hash" not in f"{refusal.value}{refusal.value.__cause__}"


def test_a_setting_is_what_was_set_last(store: Store) -> None:
    assert store.settings.get_setting("boot_id") is None

    store.settings.set_setting("boot_id", "one")
    store.settings.set_setting("boot_id", "two")

    assert store.settings.get_setting("boot_id") == "two"
