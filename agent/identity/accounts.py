# SPDX-License-Identifier: Apache-2.0
"""The use cases of accounts, for administrators: projects, users, roles, who has which where.

The user and the project `admin` are what the command line acts as, and the three roles of the
policy are what it asks for: they can't be renamed, disabled or deleted.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.errors import BadRequest, Forbidden, NotFound
from agent.identity.hashing import hash_password
from agent.identity.login import Identity
from agent.identity.oneself import check_oneself
from agent.model.identity import (
    NO_PASSWORD,
    ROLES,
    Assignment,
    AssignmentFilter,
    Bearer,
    Project,
    Role,
    User,
)
from agent.store import Store

ADMIN = "admin"
KEPT = frozenset({"name", "enabled"})
"""What may not change of the accounts that the cloud itself needs."""


@dataclass(frozen=True, slots=True)
class UserWish:
    """What a new user is to be, or what is to change of one: None is no password."""

    changes: Mapping[str, object] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Accounts:
    """All accounts. Whether the caller may is the policy's question, not asked here."""

    store: Store
    identity: Identity

    def create_user(self, name: str, wish: UserWish) -> User:
        """Add a user; `Conflict` when the name is taken, `BadRequest` for an unknown project."""
        self._check_default_project(wish)
        password_hash = NO_PASSWORD if wish.password is None else hash_password(wish.password)
        user = User(uuid.uuid4().hex, name, password_hash, **wish.changes)  # type: ignore[arg-type]
        self.store.identity.add_user(user)
        return user

    def list_users(self) -> Sequence[User]:
        """All users, by name."""
        return self.store.identity.list_users()

    def get_user(self, user_id: str) -> User:
        """One user, or `NotFound`."""
        return self.store.identity.get_user(user_id)

    def update_user(self, user_id: str, wish: UserWish) -> User:
        """Change a user; `Conflict` for a taken name. A new password ends all of its tokens."""
        user = self.get_user(user_id)
        _keep("user", user.name == ADMIN, wish.changes)
        self._check_default_project(wish)
        changes = dict(wish.changes)
        extra = changes.get("extra")
        if isinstance(extra, Mapping):
            changes["extra"] = {**user.extra, **extra}
        if wish.password is not None:
            changes["password_hash"] = hash_password(wish.password)
        return self.store.identity.update_user(user_id, **changes)

    def delete_user(self, user_id: str) -> None:
        """Remove a user with its roles, tokens, application credentials and keypairs."""
        if self.get_user(user_id).name == ADMIN:
            raise Forbidden("The user admin can't be deleted: the command line acts as it.")
        self.store.identity.delete_user(user_id)

    def change_password(
        self, bearer: Bearer, user_id: str, *, before: str, after: str, address: str = ""
    ) -> None:
        """Change the password of a user by the old one, which ends all of the user's tokens.

        `NotFound` for another user, but to an administrator, `Unauthorized` when the old one is
        wrong, `TooManyTries` when that was so too often, `BadRequest` when the new one is the old.
        """
        check_oneself(bearer, user_id)
        self.identity.verify(self.get_user(user_id), before, address)
        if before == after:
            raise BadRequest("user.password: must be another than the original_password.")
        self.store.identity.update_user(user_id, password_hash=hash_password(after))

    def create_project(self, name: str, changes: Mapping[str, object]) -> Project:
        """Add a project; `Conflict` when the name is taken."""
        project = Project(uuid.uuid4().hex, name, **changes)  # type: ignore[arg-type]
        self.store.identity.add_project(project)
        return project

    def list_projects(self) -> Sequence[Project]:
        """All projects, by name."""
        return self.store.identity.list_projects()

    def get_project(self, project_id: str) -> Project:
        """One project, or `NotFound`."""
        return self.store.identity.get_project(project_id)

    def update_project(self, project_id: str, changes: Mapping[str, object]) -> Project:
        """Change a project; `Conflict` for a taken name. Disabled, nobody can use it."""
        project = self.get_project(project_id)
        _keep("project", project.name == ADMIN, changes)
        return self.store.identity.update_project(project_id, **changes)

    def delete_project(self, project_id: str) -> None:
        """Remove a project; `Conflict`, with the numbers, while something belongs to it."""
        if self.get_project(project_id).name == ADMIN:
            raise Forbidden("The project admin can't be deleted: the command line acts in it.")
        self.store.identity.delete_project(project_id)

    def create_role(self, name: str, description: str | None) -> Role:
        """Add a role; `Conflict` when the name is taken."""
        role = Role(uuid.uuid4().hex, name, description)
        self.store.identity.add_role(role)
        return role

    def list_roles(self) -> Sequence[Role]:
        """All roles, by name."""
        return self.store.identity.list_roles()

    def get_role(self, role_id: str) -> Role:
        """One role, or `NotFound`."""
        return self.store.identity.get_role(role_id)

    def update_role(self, role_id: str, changes: Mapping[str, object]) -> Role:
        """Change a role; `Conflict` for a taken name."""
        _keep("role", self.get_role(role_id).name in ROLES, changes)
        return self.store.identity.update_role(role_id, **changes)

    def delete_role(self, role_id: str) -> None:
        """Remove a role; whoever had it has it no more."""
        role = self.get_role(role_id)
        if role.name in ROLES:
            raise Forbidden(f"The role {role.name} can't be deleted: the policy asks for it.")
        self.store.identity.delete_role(role_id)

    def assign(self, user_id: str, project_id: str | None, role_id: str) -> None:
        """Give a user a role in a project; nothing when it has it. `NotFound` for unknown ids.

        Without a project it is a role in the system: kept and shown, and good for nothing.
        """
        self._check_ids(user_id, project_id)
        self.get_role(role_id)
        self.store.grants.assign(user_id, project_id, role_id)

    def unassign(self, user_id: str, project_id: str | None, role_id: str) -> None:
        """Take a role from a user in a project; `NotFound` when it has not got it.

        Tokens know at once: what a token may do is looked up with each request.
        """
        user = self.get_user(user_id)
        project = None if project_id is None else self.get_project(project_id)
        role = self.get_role(role_id)
        if project and user.name == project.name == role.name == ADMIN:
            raise Forbidden("The user admin stays admin in the project admin: the cloud needs it.")
        self.store.grants.unassign(user_id, project_id, role_id)

    def roles_of(self, user_id: str, project_id: str | None) -> Sequence[Role]:
        """The roles of a user in a project; `NotFound` for unknown ids."""
        self._check_ids(user_id, project_id)
        return self.store.grants.roles_of(user_id, project_id)

    def projects_of(self, user_id: str) -> Sequence[Project]:
        """The projects in which a user has a role; `NotFound` for an unknown user."""
        self.get_user(user_id)
        return self.store.grants.projects_of(user_id)

    def list_assignments(self, wanted: AssignmentFilter) -> Sequence[Assignment]:
        """All assignments that fit."""
        return self.store.grants.list(wanted)

    def _check_ids(self, user_id: str, project_id: str | None) -> None:
        self.get_user(user_id)
        if project_id is not None:
            self.get_project(project_id)

    def _check_default_project(self, wish: UserWish) -> None:
        wanted = wish.changes.get("default_project_id")
        if wanted is None:
            return
        try:
            self.get_project(str(wanted))
        except NotFound:
            raise BadRequest("user.default_project_id: there is no such project.") from None


def _keep(what: str, is_needed: bool, changes: Mapping[str, object]) -> None:
    """Refuse to change what the cloud itself needs."""
    for name in sorted(KEPT & changes.keys()) if is_needed else ():
        if name == "enabled" and changes[name] is True:
            continue
        raise Forbidden(f"{what}.{name}: can't be changed of this {what}: the cloud needs it.")
