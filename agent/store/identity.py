# SPDX-License-Identifier: Apache-2.0
"""Accounts and tokens. Secrets come in hashed already; none is ever kept or shown in clear."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from agent.errors import Conflict, NotFound
from agent.model.identity import Project, Role, Token, User
from agent.store import rows
from agent.store.db import Database
from agent.store.schema import projects, role_assignments, roles, tokens, users


@dataclass(frozen=True, slots=True)
class Identity:
    """The tables `projects`, `users`, `roles`, `role_assignments` and `tokens`."""

    db: Database

    def find_user(self, name: str) -> User | None:
        """The user of this name."""
        row = self._first(_USER_BY_NAME, name)
        return rows.user_from(row) if row else None

    def get_user(self, user_id: str) -> User:
        """One user, or `NotFound`."""
        row = self._first(_USER, user_id)
        if row is None:
            raise _no_user(user_id)
        return rows.user_from(row)

    def find_project(self, name: str) -> Project | None:
        """The project of this name."""
        row = self._first(_PROJECT_BY_NAME, name)
        return rows.project_from(row) if row else None

    def get_project(self, project_id: str) -> Project:
        """One project, or `NotFound`."""
        row = self._first(_PROJECT, project_id)
        if row is None:
            raise NotFound(f"Could not find project: {project_id}.")
        return rows.project_from(row)

    def add_user(self, user: User) -> None:
        """Add a user; `Conflict` when its id or name is taken, or its project is not there."""
        self._add(users, asdict(user), f"User {user.name} can't be added: it exists already.")

    def add_project(self, project: Project) -> None:
        """Add a project; `Conflict` when its id or name is taken."""
        self._add(
            projects, asdict(project), f"Project {project.name} can't be added: it exists already."
        )

    def ensure_role(self, name: str) -> Role:
        """The role of this name, made when it is missing."""
        with self.db.write() as connection:
            row = connection.execute(select(roles).where(roles.c.name == name)).one_or_none()
            if row is not None:
                return rows.role_from(row)
            role = Role(id=uuid.uuid4().hex, name=name)
            connection.execute(insert(roles).values(asdict(role)))
            return role

    def assign(self, user_id: str, project_id: str, role_id: str) -> None:
        """Give a user a role in a project; nothing when it has it. `NotFound` for unknown ids."""
        wanted = {"user_id": user_id, "project_id": project_id, "role_id": role_id}
        try:
            with self.db.write() as connection:
                if connection.execute(select(role_assignments).filter_by(**wanted)).first() is None:
                    connection.execute(insert(role_assignments).values(wanted))
        except IntegrityError as error:
            raise NotFound(
                f"Could not find user {user_id}, project {project_id} or role {role_id}."
            ) from error

    def roles_of(self, user_id: str, project_id: str) -> tuple[Role, ...]:
        """The roles that a user bears in a project, by name."""
        with self.db.read() as connection:
            found = connection.execute(_ROLES_OF, {"user": user_id, "project": project_id})
            return tuple(rows.role_from(row) for row in found)

    def projects_of(self, user_id: str) -> Sequence[Project]:
        """The projects in which a user bears a role, by name."""
        statement = (
            select(projects)
            .where(
                projects.c.id.in_(
                    select(role_assignments.c.project_id).where(
                        role_assignments.c.user_id == user_id
                    )
                )
            )
            .order_by(projects.c.name)
        )
        with self.db.read() as connection:
            return [rows.project_from(row) for row in connection.execute(statement)]

    def set_password(self, user_id: str, password_hash: str) -> None:
        """Replace a user's password and revoke its tokens; `NotFound` for an unknown user."""
        with self.db.write() as connection:
            changed = connection.execute(
                update(users).where(users.c.id == user_id).values(password_hash=password_hash)
            )
            if changed.rowcount == 0:
                raise _no_user(user_id)
            connection.execute(delete(tokens).where(tokens.c.user_id == user_id))

    def add_token(self, token: Token) -> None:
        """Keep a token; `Conflict` when its hash is taken or its user or project is not there."""
        columns = {**asdict(token), "methods": list(token.methods)}
        self._add(tokens, columns, "The token can't be kept: its user or project is gone.")

    def find_token(self, token_hash: str, now: datetime) -> Token | None:
        """The token with this hash that has not expired."""
        row = self._first(_TOKEN, token_hash)
        if row is None or row.expires_at <= now:
            return None
        return rows.token_from(row)

    def revoke_token(self, token_hash: str) -> None:
        """Forget a token; nothing when it is not there."""
        with self.db.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.token_hash == token_hash))

    def purge_tokens(self, now: datetime) -> None:
        """Forget all tokens that have expired."""
        with self.db.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.expires_at <= now))

    def has_any_user(self) -> bool:
        """Whether there is any account yet."""
        with self.db.read() as connection:
            return connection.scalar(select(users.c.id).limit(1)) is not None

    def _first(self, statement: Select[Any], wanted: str) -> rows.AnyRow | None:
        with self.db.read() as connection:
            return connection.execute(statement, {"wanted": wanted}).one_or_none()

    def _add(self, table: Table, columns: rows.Values, refusal: str) -> None:
        try:
            with self.db.write() as connection:
                connection.execute(insert(table).values(columns))
        except IntegrityError as error:
            raise Conflict(refusal) from error


_USER = select(users).where(users.c.id == bindparam("wanted"))
_USER_BY_NAME = select(users).where(users.c.name == bindparam("wanted"))
_PROJECT = select(projects).where(projects.c.id == bindparam("wanted"))
_PROJECT_BY_NAME = select(projects).where(projects.c.name == bindparam("wanted"))
_TOKEN = select(tokens).where(tokens.c.token_hash == bindparam("wanted"))

_ROLES_OF = (
    select(roles)
    .join(role_assignments, role_assignments.c.role_id == roles.c.id)
    .where(
        role_assignments.c.user_id == bindparam("user"),
        role_assignments.c.project_id == bindparam("project"),
    )
    .order_by(roles.c.name)
)


def _no_user(user_id: str) -> NotFound:
    return NotFound(f"Could not find user: {user_id}.")
