# SPDX-License-Identifier: Apache-2.0
"""Who bears a token is remembered, and never longer than it is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from agent.model.identity import Bearer, Project, Token, User
from agent.store import Store
from agent.store.remembered import Remembered
from agent.store.schema import projects, tokens, users
from agent.store.store import MOST_BEARERS
from tests.unit.store.makers import NOW, later
from tests.unit.store.statements import count_statements


def make_token(token_hash: str) -> Token:
    return Token(token_hash, f"audit of {token_hash}", "u1", "p1", ("password",), NOW, later(60))


@pytest.fixture
def lab(store: Store) -> Store:
    """A store in which a member of a project has a token."""
    store.identity.add_project(Project("p1", "lab"))
    store.identity.add_user(User("u1", "ann", "scrypt$x", default_project_id="p1"))
    store.grants.assign("u1", "p1", store.identity.ensure_role("member").id)
    store.tokens.add(make_token("hash"))
    return store


def find(store: Store) -> Bearer | None:
    return store.tokens.find_bearer("hash", NOW)


def disable_user(store: Store) -> None:
    with store.db.write() as connection:
        connection.execute(update(users).values(enabled=False))


def disable_project(store: Store) -> None:
    with store.db.write() as connection:
        connection.execute(update(projects).values(enabled=False))


def take_role(store: Store) -> None:
    store.grants.unassign("u1", "p1", store.identity.ensure_role("member").id)


def revoke(store: Store) -> None:
    store.tokens.revoke("hash")


def shorten(store: Store) -> None:
    with store.db.write() as connection:
        connection.execute(update(tokens).values(expires_at=NOW))


def test_a_bearer_is_looked_up_once_while_nothing_changes(lab: Store) -> None:
    first = find(lab)
    assert first is not None
    assert first.roles[0].name == "member"
    assert count_statements(lab, lambda: find(lab)) == 0
    assert find(lab) is first


@pytest.mark.parametrize(
    ("change", "is_gone"),
    [
        (disable_user, lambda bearer: not bearer.user.enabled),
        (disable_project, lambda bearer: not bearer.project.enabled),
        (take_role, lambda bearer: bearer.roles == ()),
        (revoke, lambda bearer: bearer is None),
        (shorten, lambda bearer: bearer is None),
    ],
)
@pytest.mark.parametrize("by_other_process", [False, True])
def test_what_was_taken_is_gone_at_once(
    lab: Store,
    elsewhere: Store,
    change: Callable[[Store], None],
    is_gone: Callable[[Bearer | None], bool],
    by_other_process: bool,
) -> None:
    assert not is_gone(find(lab))
    change(elsewhere if by_other_process else lab)
    assert is_gone(find(lab))


def test_a_token_expires_without_any_change(lab: Store) -> None:
    assert lab.tokens.find_bearer("hash", later(59)) is not None
    assert lab.tokens.find_bearer("hash", later(60)) is None
    assert count_statements(lab, lambda: lab.tokens.find_bearer("hash", later(60))) == 0


def test_a_database_that_can_not_tell_its_version_is_always_asked(lab: Store) -> None:
    db = replace(lab.db, commits=None)
    deaf = replace(lab.tokens, db=db, known=Remembered(db, MOST_BEARERS))
    deaf.find_bearer("hash", NOW)
    assert count_statements(lab, lambda: deaf.find_bearer("hash", NOW)) == 2


def test_few_bearers_are_remembered(lab: Store) -> None:
    for number in range(MOST_BEARERS + 1):
        lab.tokens.add(make_token(f"hash {number}"))
    for number in range(MOST_BEARERS + 1):
        assert lab.tokens.find_bearer(f"hash {number}", NOW) is not None
    assert len(lab.tokens.known) <= MOST_BEARERS
