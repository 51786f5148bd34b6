# SPDX-License-Identifier: Apache-2.0
"""Accounts: projects, users and roles. Passwords come in hashed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from agent.errors import Conflict, NotFound
from agent.model.identity import Project, Role, User
from agent.model.securitygroup import default_group
from agent.store import rows
from agent.store.catalogschema import flavor_access, keypairs, quotas
from agent.store.db import Database
from agent.store.groupschema import security_groups
from agent.store.netschema import floating_ips, networks, ports
from agent.store.schema import (
    images,
    projects,
    roles,
    servers,
    tokens,
    users,
)
from agent.store.securitygroups import insert_group


@dataclass(frozen=True, slots=True)
class Identity:
    """The tables `projects`, `users` and `roles`."""

    db: Database

    def find_user(self, name: str) -> User | None:
        """The user of this name."""
        row = self._first(_USER_BY_NAME, name)
        return rows.user_from(row) if row else None

    def get_user(self, user_id: str) -> User:
        """One user, or `NotFound`."""
        row = self._first(_USER, user_id)
        if row is None:
            raise _missing(users, user_id)
        return rows.user_from(row)

    def list_users(self) -> Sequence[User]:
        """All users, by name."""
        with self.db.read() as connection:
            found = connection.execute(select(users).order_by(users.c.name))
            return [rows.user_from(row) for row in found]

    def find_project(self, name: str) -> Project | None:
        """The project of this name."""
        row = self._first(_PROJECT_BY_NAME, name)
        return rows.project_from(row) if row else None

    def get_project(self, project_id: str) -> Project:
        """One project, or `NotFound`."""
        row = self._first(_PROJECT, project_id)
        if row is None:
            raise _missing(projects, project_id)
        return rows.project_from(row)

    def list_projects(self) -> Sequence[Project]:
        """All projects, by name."""
        with self.db.read() as connection:
            found = connection.execute(select(projects).order_by(projects.c.name))
            return [rows.project_from(row) for row in found]

    def get_role(self, role_id: str) -> Role:
        """One role, or `NotFound`."""
        row = self._first(_ROLE, role_id)
        if row is None:
            raise _missing(roles, role_id)
        return rows.role_from(row)

    def list_roles(self) -> Sequence[Role]:
        """All roles, by name."""
        with self.db.read() as connection:
            found = connection.execute(select(roles).order_by(roles.c.name))
            return [rows.role_from(row) for row in found]

    def add_user(self, user: User) -> None:
        """Add a user; `Conflict` when its id or name is taken, or its project is not there."""
        self._add(users, rows.user_values(asdict(user)), user.name)

    def add_project(self, project: Project) -> None:
        """Add a project with its default security group; `Conflict` for an id or name taken."""
        group = default_group(project.id, datetime.now(UTC))
        with _unique(projects, project.name), self.db.write() as connection:
            connection.execute(insert(projects).values(rows.project_values(asdict(project))))
            insert_group(connection, group)

    def add_role(self, role: Role) -> None:
        """Add a role; `Conflict` when its id or name is taken."""
        self._add(roles, asdict(role), role.name)

    def update_user(self, user_id: str, **changes: object) -> User:
        """Set fields of a user and return it; `NotFound`, `Conflict` for a name that is taken.

        With a new password, or disabled, the user's tokens end.
        """
        with self.db.write() as connection:
            _update(connection, users, user_id, rows.user_values(changes))
            if "password_hash" in changes or changes.get("enabled") is False:
                connection.execute(delete(tokens).where(tokens.c.user_id == user_id))
        return self.get_user(user_id)

    def update_project(self, project_id: str, **changes: object) -> Project:
        """Set fields of a project and return it; `NotFound`, `Conflict` for a taken name.

        Disabled, its tokens end.
        """
        with self.db.write() as connection:
            _update(connection, projects, project_id, rows.project_values(changes))
            if changes.get("enabled") is False:
                connection.execute(delete(tokens).where(tokens.c.project_id == project_id))
        return self.get_project(project_id)

    def update_role(self, role_id: str, **changes: object) -> Role:
        """Set fields of a role and return it; `NotFound`, `Conflict` for a taken name."""
        with self.db.write() as connection:
            _update(connection, roles, role_id, changes)
        return self.get_role(role_id)

    def delete_user(self, user_id: str) -> None:
        """Remove a user with its roles, tokens, application credentials and keypairs."""
        with self.db.write() as connection:
            _delete(connection, users, user_id)
            connection.execute(delete(keypairs).where(keypairs.c.user_id == user_id))

    def delete_project(self, project_id: str) -> None:
        """Remove a project with its roles, tokens, quotas and security groups.

        `Conflict` while something belongs to it.
        """
        with self.db.write() as connection:
            belongings = _belongings(connection, project_id)
            if belongings:
                raise Conflict(
                    f"Project {project_id} still has {', '.join(belongings)}: delete those first."
                )
            _delete(connection, projects, project_id)
            for table in (flavor_access, quotas, security_groups):
                connection.execute(delete(table).where(table.c.project_id == project_id))

    def delete_role(self, role_id: str) -> None:
        """Remove a role; whoever had it has it no more."""
        with self.db.write() as connection:
            _delete(connection, roles, role_id)

    def ensure_role(self, name: str) -> Role:
        """The role of this name, made when it is missing."""
        with self.db.write() as connection:
            row = connection.execute(select(roles).where(roles.c.name == name)).one_or_none()
            if row is not None:
                return rows.role_from(row)
            role = Role(id=uuid.uuid4().hex, name=name)
            connection.execute(insert(roles).values(asdict(role)))
            return role

    def has_any_user(self) -> bool:
        """Whether there is any account yet."""
        with self.db.read() as connection:
            return connection.scalar(select(users.c.id).limit(1)) is not None

    def _first(self, statement: Select[Any], wanted: str) -> rows.AnyRow | None:
        with self.db.read() as connection:
            return connection.execute(statement, {"wanted": wanted}).one_or_none()

    def _add(self, table: Table, columns: rows.Values, name: str) -> None:
        with _unique(table, name), self.db.write() as connection:
            connection.execute(insert(table).values(columns))


_USER = select(users).where(users.c.id == bindparam("wanted"))
_USER_BY_NAME = select(users).where(users.c.name == bindparam("wanted"))
_PROJECT = select(projects).where(projects.c.id == bindparam("wanted"))
_PROJECT_BY_NAME = select(projects).where(projects.c.name == bindparam("wanted"))
_ROLE = select(roles).where(roles.c.id == bindparam("wanted"))

_WORDS = {users: "user", projects: "project", roles: "role"}

_BELONGINGS = {
    "servers": select(func.count())
    .select_from(servers)
    .where(servers.c.project_id == bindparam("project"), servers.c.deleted_at.is_(None)),
    "images": select(func.count())
    .select_from(images)
    .where(images.c.owner == bindparam("project")),
    "networks": select(func.count())
    .select_from(networks)
    .where(networks.c.project_id == bindparam("project")),
    "floating IPs": select(func.count())
    .select_from(floating_ips)
    .where(floating_ips.c.project_id == bindparam("project")),
    "ports": select(func.count())
    .select_from(ports)
    .where(ports.c.project_id == bindparam("project"), ports.c.server_id.is_(None)),
}
"""What keeps a project from being deleted."""


@contextmanager
def _unique(table: Table, name: str) -> Iterator[None]:
    """Say in words what an insertion of a row breaks."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(
            f"{_WORDS[table].capitalize()} {name} can't be added: it exists already."
        ) from error


def _belongings(connection: Connection, project_id: str) -> list[str]:
    counts = {
        name: connection.scalar(statement, {"project": project_id})
        for name, statement in _BELONGINGS.items()
    }
    return [f"{count} {name}" for name, count in counts.items() if count]


def _update(
    connection: Connection, table: Table, wanted: str, changes: rows.Values | dict[str, object]
) -> None:
    if not changes:
        return
    try:
        changed = connection.execute(update(table).where(table.c.id == wanted).values(changes))
    except IntegrityError as error:
        raise Conflict(f"The {_WORDS[table]}'s new name is taken.") from error
    if changed.rowcount == 0:
        raise _missing(table, wanted)


def _delete(connection: Connection, table: Table, wanted: str) -> None:
    if connection.execute(delete(table).where(table.c.id == wanted)).rowcount == 0:
        raise _missing(table, wanted)


def _missing(table: Table, wanted: str) -> NotFound:
    return NotFound(f"Could not find {_WORDS[table]}: {wanted}.")
