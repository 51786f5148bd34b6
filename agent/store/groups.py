# SPDX-License-Identifier: Apache-2.0
"""Server groups and their members: a server joins with its creation and never leaves alive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, select

from agent.errors import BadRequest, NotFound, OverQuota
from agent.model.group import Policy, ServerGroup
from agent.store import rows
from agent.store.db import Database
from agent.store.placeschema import server_group_members, server_groups
from agent.store.schema import servers


@dataclass(frozen=True, slots=True)
class ServerGroups:
    """The tables `server_groups` and `server_group_members`."""

    db: Database

    def list(self, *, project_id: str | None) -> Sequence[ServerGroup]:
        """The groups of a project (None: of all), the oldest first."""
        wanted = _GROUPS if project_id is None else _GROUPS.where(_of_project())
        with self.db.read() as connection:
            return _load(connection, wanted, {"project": project_id} if project_id else {})

    def get(self, group_id: str, *, project_id: str | None) -> ServerGroup:
        """One group of a project (None: of any), or `NotFound` in Nova's words."""
        with self.db.read() as connection:
            return _get(connection, group_id, project_id)

    def count(self, project_id: str) -> int:
        """How many groups a project has."""
        with self.db.read() as connection:
            return connection.scalar(_COUNT, {"project": project_id}) or 0

    def add(self, group: ServerGroup, *, most: int) -> ServerGroup:
        """Keep a new group, if its project has fewer than `most` (-1: any number): `OverQuota`."""
        columns = {name: value for name, value in asdict(group).items() if name != "members"}
        with self.db.write() as connection:
            used = connection.scalar(_COUNT, {"project": group.project_id}) or 0
            if 0 <= most <= used:
                raise OverQuota("Quota exceeded, too many server groups.")
            connection.execute(
                insert(server_groups).values({**columns, "policy": group.policy.value})
            )
            return group

    def delete(self, group_id: str, *, project_id: str | None) -> None:
        """Remove a group of a project (None: of any), not its members; `NotFound`."""
        with self.db.write() as connection:
            group = _get(connection, group_id, project_id)
            connection.execute(delete(server_groups).where(server_groups.c.id == group.id))


def join(
    connection: Connection, server_id: str, project_id: str, group_id: str, *, most: int
) -> None:
    """Make a new server a member of a group, in the caller's transaction.

    `BadRequest` when the project has no such group, `OverQuota` when it has `most` members already
    (-1: any number).
    """
    try:
        group = _get(connection, group_id, project_id)
    except NotFound as error:
        raise BadRequest(f"os:scheduler_hints.group: {error.message}") from error
    if 0 <= most <= len(group.members):
        raise OverQuota("Quota exceeded, too many servers in group.")
    connection.execute(insert(server_group_members).values(server_id=server_id, group_id=group_id))


def find_group_of(connection: Connection, server_id: str) -> rows.AnyRow | None:
    """The row of a server's group, if it is in one."""
    return connection.execute(_GROUP_OF, {"server": server_id}).one_or_none()


def _get(connection: Connection, group_id: str, project_id: str | None) -> ServerGroup:
    found = _load(connection, _GROUPS.where(server_groups.c.id == group_id), {})
    if not found or project_id not in (None, found[0].project_id):
        raise NotFound(f"Instance group {group_id} could not be found.")
    return found[0]


def _load(
    connection: Connection, statement: Select[Any], parameters: Mapping[str, str]
) -> list[ServerGroup]:
    found = connection.execute(statement, parameters).all()
    members: dict[str, list[str]] = defaultdict(list)
    if found:
        of_found = _MEMBERS.where(server_group_members.c.group_id.in_([row.id for row in found]))
        for member in connection.execute(of_found):
            members[member.group_id].append(member.server_id)
    return [_group_from(row, members[row.id]) for row in found]


def _group_from(row: rows.AnyRow, members: Sequence[str]) -> ServerGroup:
    columns = {**row._mapping, "policy": Policy(row.policy)}
    return ServerGroup(**columns, members=tuple(members))


def _of_project() -> ColumnElement[bool]:
    return server_groups.c.project_id == bindparam("project")


_GROUPS = select(server_groups).order_by(server_groups.c.created_at, server_groups.c.id)
_MEMBERS = (
    select(server_group_members)
    .join(servers, servers.c.id == server_group_members.c.server_id)
    .where(servers.c.deleted_at.is_(None))
    .order_by(servers.c.created_at, servers.c.id)
)
_COUNT = select(func.count()).where(server_groups.c.project_id == bindparam("project"))
_GROUP_OF = (
    select(server_groups)
    .join(server_group_members, server_group_members.c.group_id == server_groups.c.id)
    .where(server_group_members.c.server_id == bindparam("server"))
)
