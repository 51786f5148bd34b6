# SPDX-License-Identifier: Apache-2.0
"""Accounts by their names, for the command line: `serve` may run meanwhile, and need not.

Being root on the host is proof enough, so nobody logs in here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from agent import belonging
from agent.config import Config
from agent.engine.clock import SystemClock
from agent.errors import BadRequest, NotFound
from agent.identity import Accounts
from agent.identity.accounts import UserWish
from agent.identity.hashing import make_secret
from agent.identitywiring import build_identity
from agent.model.identity import AssignmentFilter, Project, Role, User
from agent.model.layout import Layout
from agent.store import Store

T = TypeVar("T")

LONGEST_PROJECT, LONGEST_NAME, LONGEST_PASSWORD = 64, 255, 4096


@dataclass(frozen=True, slots=True)
class OffHand:
    """All accounts of one state folder, open. Every refusal is an `AgentError`."""

    config: Config
    store: Store
    accounts: Accounts

    @classmethod
    def open(cls, config: Config) -> OffHand:
        """Open the database; `close` it after."""
        store = Store.open(Layout(config.state_dir).database)
        try:
            belonging.claim(config, store)
        except BaseException:
            store.close()
            raise
        return cls(config, store, Accounts(store, build_identity(config, store, SystemClock())))

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    @property
    def auth_url(self) -> str:
        """Where clients log in."""
        return f"{self.config.url}/identity/v3"

    def describe_users(self) -> Iterator[str]:
        """A line for each user: its name, and its roles in each project."""
        roles: dict[str, dict[str, list[str]]] = {}  # by user and place
        for one in self.accounts.list_assignments(AssignmentFilter()):
            place = one.project.name if one.project else "the system"
            roles.setdefault(one.user.id, {}).setdefault(place, []).append(one.role.name)
        for user in self.accounts.list_users():
            places = roles.get(user.id, {})
            granted = "; ".join(f"{where}: {', '.join(what)}" for where, what in places.items())
            yield _line(user, granted or "no role anywhere")

    def describe_projects(self) -> Iterator[str]:
        """A line for each project: its name and description."""
        for project in self.accounts.list_projects():
            yield _line(project, project.description)

    def create_user(
        self,
        name: str,
        project_name: str,
        roles: Sequence[str],
        password: str | None,
        *,
        email: str | None = None,
    ) -> str:
        """Add a user with roles in a project and return its password, made up where none is given.

        All or nothing: what can't be right is refused before the user is made.
        """
        _check_name(name, LONGEST_NAME)
        project = self._project(project_name)
        wanted = [self._role(role) for role in roles]
        secret = _password(password)
        changes = {"default_project_id": project.id, "email": email}
        user = self.accounts.create_user(name, UserWish(changes, secret))
        for role in wanted:
            self.accounts.assign(user.id, project.id, role.id)
        return secret

    def set_password(self, name: str, password: str | None) -> str:
        """Give a user a new password, made up where none is given, and return it."""
        secret = _password(password)
        self.accounts.update_user(self._user(name).id, UserWish(password=secret))
        return secret

    def grant(self, name: str, project_name: str, roles: Sequence[str]) -> None:
        """Give a user roles in a project."""
        user, project = self._user(name), self._project(project_name)
        for role in [self._role(role) for role in roles]:
            self.accounts.assign(user.id, project.id, role.id)

    def revoke(self, name: str, project_name: str, roles: Sequence[str]) -> None:
        """Take roles in a project from a user."""
        user, project = self._user(name), self._project(project_name)
        for role in [self._role(role) for role in roles]:
            with _named(f"{name} has no role {role.name} in {project_name}."):
                self.accounts.unassign(user.id, project.id, role.id)

    def enable_user(self, name: str) -> None:
        """Let a user log in again."""
        self.accounts.update_user(self._user(name).id, UserWish({"enabled": True}))

    def disable_user(self, name: str) -> None:
        """Let a user log in no more, and end its logins."""
        self.accounts.update_user(self._user(name).id, UserWish({"enabled": False}))

    def delete_user(self, name: str) -> None:
        """Remove a user."""
        self.accounts.delete_user(self._user(name).id)

    def create_project(self, name: str, description: str) -> None:
        """Add a project."""
        _check_name(name, LONGEST_PROJECT)
        self.accounts.create_project(name, {"description": description})

    def enable_project(self, name: str) -> None:
        """Let a project be used again."""
        self.accounts.update_project(self._project(name).id, {"enabled": True})

    def disable_project(self, name: str) -> None:
        """Let a project be used by nobody."""
        self.accounts.update_project(self._project(name).id, {"enabled": False})

    def delete_project(self, name: str) -> None:
        """Remove a project that nothing belongs to any more."""
        self.accounts.delete_project(self._project(name).id)

    def _user(self, name: str) -> User:
        return _found(self.store.identity.find_user(name), f"There is no user {name}.", "user")

    def _project(self, name: str) -> Project:
        found = self.store.identity.find_project(name)
        return _found(found, f"There is no project {name}.", "project")

    def _role(self, name: str) -> Role:
        roles = self.accounts.list_roles()
        names = ", ".join(role.name for role in roles)
        for role in roles:
            if role.name == name:
                return role
        raise NotFound(f"There is no role {name}, only: {names}.")


def _found(one: T | None, sentence: str, what: str) -> T:
    if one is None:
        raise NotFound(f"{sentence} See `cumulet {what} list`.")
    return one


def _line(one: User | Project, text: str) -> str:
    return f"{one.name:<16} {'' if one.enabled else '(disabled) '}{text}".rstrip()


def _password(given: str | None) -> str:
    if given == "":
        raise BadRequest("The password is empty.")
    if given is not None and len(given) > LONGEST_PASSWORD:
        raise BadRequest(f"The password has more than {LONGEST_PASSWORD} characters.")
    if given is not None and any("\ud800" <= char <= "\udfff" for char in given):
        raise BadRequest("The password is not in UTF-8.")
    return make_secret() if given is None else given


def _check_name(name: str, longest: int) -> None:
    if not name.strip() or not name.isprintable() or len(name) > longest:
        raise BadRequest(f"NAME: must be 1 to {longest} printable characters, not {name[:80]!r}.")


@contextmanager
def _named(sentence: str) -> Iterator[None]:
    """Say what is not there by names, where the error has ids."""
    try:
        yield
    except NotFound as error:
        raise NotFound(sentence) from error
