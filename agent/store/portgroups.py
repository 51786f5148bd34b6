# SPDX-License-Identifier: Apache-2.0
"""Which security groups a port is in: read with the port, and set in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, Dialect, case, delete, func, insert, select, type_coerce, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Text, TypeDecorator

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.securitygroup import default_id
from agent.model.server import IN_DEFAULT
from agent.store import rows
from agent.store.groupschema import port_security_groups, security_groups
from agent.store.netschema import ports


class _JsonList(GenericFunction[str]):
    """The values of a column as a JSON list: names may have any character between them."""

    type = Text()
    inherit_cache = True
    name = "json_list"


@compiles(_JsonList, "sqlite")
def _in_sqlite(element: _JsonList, compiler: Any, **options: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **options)})"


@compiles(_JsonList)
def _elsewhere(element: _JsonList, compiler: Any, **options: Any) -> str:
    values = compiler.process(element.clauses, **options)
    return f"coalesce(json_agg({values}), '[]')::text"


class _Names(TypeDecorator[tuple[str, ...]]):
    """Such a list as it is shown. (SQLAlchemy wants a class for a type of one's own.)"""

    impl = Text
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Read the list."""
        return _names


def _names(text: str | None) -> tuple[str, ...]:
    return IN_DEFAULT if text is None else tuple(sorted(json.loads(text)))


_SHOWN_AS = func.coalesce(func.nullif(security_groups.c.name, ""), security_groups.c.id)

# Computed for ports with groups of their own alone: lists of many servers have few of those.
GROUP_NAMES = type_coerce(
    case(
        (
            ports.c.own_groups,
            select(_JsonList(_SHOWN_AS))
            .join(port_security_groups, port_security_groups.c.group_id == security_groups.c.id)
            .where(port_security_groups.c.port_id == ports.c.id)
            .scalar_subquery(),
        ),
        else_=None,
    ),
    _Names(),
).label("group_names")
"""Of a port, sorted; the default group's where no others are given."""

_GROUP_IDS = case(
    (
        ports.c.own_groups,
        select(func.coalesce(func.aggregate_strings(port_security_groups.c.group_id, ","), ""))
        .where(port_security_groups.c.port_id == ports.c.id)
        .scalar_subquery(),
    ),
    else_=None,
).label("group_ids")

PORTS = select(ports, _GROUP_IDS)
"""Ports as `rows.port_from` reads them."""


def find(connection: Connection, project_id: str, name_or_id: str) -> str:
    """The id of a project's group by what a client calls it.

    `NotFound` in Nova's words, `Conflict` when several groups have the name.
    """
    found = _named(connection, project_id, name_or_id)
    if not found:
        raise NotFound(f"Security group {name_or_id} not found for project {project_id}.")
    if len(found) > 1:
        raise Conflict(
            f"Multiple security_group matches found for name '{name_or_id}', use an ID to be more "
            "specific."
        )
    return found[0]


def find_all(connection: Connection, project_id: str, names: Collection[str]) -> Collection[str]:
    """The ids of groups that a new server's ports are to be in, by what a client calls them.

    `BadRequest` when a name is no group's, `Conflict` when it is that of several.
    """
    try:
        return {find(connection, project_id, name) for name in names}
    except NotFound as error:
        raise BadRequest(f"security_groups: {error.message}") from error


def check_there(connection: Connection, project_id: str, group_ids: Collection[str]) -> None:
    """Raise `NotFound`, in Neutron's words, for an id that is no group's of the project."""
    there = select(security_groups.c.id).where(
        security_groups.c.id.in_(group_ids), security_groups.c.project_id == project_id
    )
    missing = set(group_ids).difference(connection.scalars(there))
    if missing:
        raise NotFound(f"Security group {min(missing)[:60]} does not exist")


def set_groups(
    connection: Connection, port_id: str, project_id: str, group_ids: Collection[str]
) -> None:
    """Put a port of a project into just these groups."""
    wanted = set(group_ids)
    is_default = wanted == {default_id(project_id)}
    of_port = port_security_groups.c.port_id == port_id
    connection.execute(delete(port_security_groups).where(of_port))
    connection.execute(update(ports).where(ports.c.id == port_id).values(own_groups=not is_default))
    if wanted and not is_default:
        connection.execute(
            insert(port_security_groups),
            [{"port_id": port_id, "group_id": group_id} for group_id in sorted(wanted)],
        )


def groups_of(connection: Connection, port: rows.AnyRow) -> set[str]:
    """The groups of a port, of which the id, the project and `own_groups` are given."""
    if not port.own_groups:
        return {default_id(port.project_id)}
    of_port = port_security_groups.c.port_id == port.id
    return set(connection.scalars(select(port_security_groups.c.group_id).where(of_port)))


def _named(connection: Connection, project_id: str, name_or_id: str) -> list[str]:
    own = select(security_groups.c.id).where(security_groups.c.project_id == project_id)
    by_id = connection.scalars(own.where(security_groups.c.id == name_or_id)).all()
    return list(by_id or connection.scalars(own.where(security_groups.c.name == name_or_id)))
