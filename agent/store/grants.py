# SPDX-License-Identifier: Apache-2.0
"""Who has which role where: in projects, and in the system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from agent.errors import NotFound
from agent.model.identity import Assignment, AssignmentFilter, Project, Role
from agent.store import rows
from agent.store.db import Database
from agent.store.schema import projects, role_assignments, roles, system_assignments, users

SYSTEM = None
"""In the place of a project: the system, that is the cloud as a whole."""


@dataclass(frozen=True, slots=True)
class Grants:
    """The tables `role_assignments` and `system_assignments`."""

    db: Database

    def assign(self, user_id: str, project_id: str | None, role_id: str) -> None:
        """Give a user a role; nothing when it has it. `NotFound` for unknown ids."""
        table, wanted = _place(user_id, project_id, role_id)
        try:
            with self.db.write() as connection:
                if connection.execute(select(table).filter_by(**wanted)).first() is None:
                    connection.execute(insert(table).values(wanted))
        except IntegrityError as error:
            raise NotFound(
                f"Could not find user {user_id}, project {project_id} or role {role_id}."
            ) from error

    def unassign(self, user_id: str, project_id: str | None, role_id: str) -> None:
        """Take a role from a user; `NotFound` when it has none there."""
        table, wanted = _place(user_id, project_id, role_id)
        with self.db.write() as connection:
            if connection.execute(delete(table).filter_by(**wanted)).rowcount == 0:
                where = f"project {project_id}" if project_id else "the system"
                raise NotFound(f"The user has no role {role_id} in {where}.")

    def roles_of(self, user_id: str, project_id: str | None) -> tuple[Role, ...]:
        """The roles that a user has in a project, or in the system, by name."""
        with self.db.read() as connection:
            return list_roles(connection, user_id, project_id)

    def projects_of(self, user_id: str) -> Sequence[Project]:
        """The projects in which a user has a role, by name."""
        of_user = select(role_assignments.c.project_id).where(role_assignments.c.user_id == user_id)
        statement = select(projects).where(projects.c.id.in_(of_user)).order_by(projects.c.name)
        with self.db.read() as connection:
            return [rows.project_from(row) for row in connection.execute(statement)]

    def list(self, wanted: AssignmentFilter) -> Sequence[Assignment]:
        """The assignments that fit, by the names of project, user and role."""
        with self.db.read() as connection:
            found = list(_read(connection, wanted))
        return sorted(
            found,
            key=lambda one: (
                one.project.name if one.project else "",
                one.user.name,
                one.role.name,
            ),
        )


def list_roles(connection: Connection, user_id: str, project_id: str | None) -> tuple[Role, ...]:
    """The same, inside a transaction that is open."""
    statement = _ROLES_IN_SYSTEM if project_id is None else _ROLES_OF
    found = connection.execute(statement, {"user": user_id, "project": project_id})
    return tuple(rows.role_from(row) for row in found)


def _read(connection: Connection, wanted: AssignmentFilter) -> Iterable[Assignment]:
    of_all = {
        table: {row.id: row for row in connection.execute(select(table))}
        for table in (users, projects, roles)
    }
    fits = {"user_id": wanted.user_id, "role_id": wanted.role_id}
    given = {key: value for key, value in fits.items() if value is not None}
    of_project = {"project_id": wanted.project_id} if wanted.project_id is not None else {}
    if wanted.of_system is not True:
        statement = select(role_assignments).filter_by(**given, **of_project)
        for row in connection.execute(statement):
            yield Assignment(
                rows.user_from(of_all[users][row.user_id]),
                rows.project_from(of_all[projects][row.project_id]),
                rows.role_from(of_all[roles][row.role_id]),
            )
    if wanted.of_system is not False and wanted.project_id is None:
        for row in connection.execute(select(system_assignments).filter_by(**given)):
            yield Assignment(
                rows.user_from(of_all[users][row.user_id]),
                SYSTEM,
                rows.role_from(of_all[roles][row.role_id]),
            )


def _place(user_id: str, project_id: str | None, role_id: str) -> tuple[Table, dict[str, str]]:
    """In which table an assignment is, and as which row."""
    row = {"user_id": user_id, "role_id": role_id}
    if project_id is None:
        return system_assignments, row
    return role_assignments, {**row, "project_id": project_id}


_ROLES_OF = (
    select(roles)
    .join(role_assignments, role_assignments.c.role_id == roles.c.id)
    .where(
        role_assignments.c.user_id == bindparam("user"),
        role_assignments.c.project_id == bindparam("project"),
    )
    .order_by(roles.c.name)
)
_ROLES_IN_SYSTEM = (
    select(roles)
    .join(system_assignments, system_assignments.c.role_id == roles.c.id)
    .where(system_assignments.c.user_id == bindparam("user"))
    .order_by(roles.c.name)
)
