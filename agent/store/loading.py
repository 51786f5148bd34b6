# SPDX-License-Identifier: Apache-2.0
"""Reads whole servers and tasks inside a transaction that the caller has opened.

One statement for the rows and one for all their parts, however many: never one a row.
"""

from __future__ import annotations

from collections import defaultdict, namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Result, Select, bindparam, func, select

from agent.errors import NotFound
from agent.model.server import Nic, OwnedNic, Server
from agent.model.task import Task
from agent.store import rows
from agent.store.netschema import networks, ports, subnets
from agent.store.placeschema import server_group_members
from agent.store.portgroups import GROUP_NAMES
from agent.store.schema import server_tags, servers, task_steps, tasks

T = TypeVar("T")

# Statements are built once: building one costs SQLAlchemy as much as running it.

_NICS = (
    select(
        ports.c.server_id,
        ports.c.id,
        ports.c.network_id,
        networks.c.name.label("network_name"),
        networks.c.libvirt_name,
        networks.c.bridge,
        networks.c.mode,
        networks.c.mtu,
        ports.c.mac,
        ports.c.ip,
        subnets.c.cidr,
        subnets.c.gateway_ip,
        subnets.c.dns,
        subnets.c.dhcp,
        ports.c.position,
        ports.c.tag,
        GROUP_NAMES,
    )
    .join(networks, networks.c.id == ports.c.network_id)
    .join(subnets, subnets.c.id == ports.c.subnet_id)
    .order_by(ports.c.server_id, ports.c.position)
)

# What else a server's row is read with: no tag has a comma in it, and no server has two groups.
_BELONGINGS = (
    select(func.aggregate_strings(server_tags.c.tag, ","))
    .where(server_tags.c.server_id == servers.c.id)
    .scalar_subquery()
    .label("tags"),
    select(server_group_members.c.group_id)
    .where(server_group_members.c.server_id == servers.c.id)
    .scalar_subquery()
    .label("group_id"),
)
_SERVER = select(servers, *_BELONGINGS).where(
    servers.c.id == bindparam("server"), servers.c.deleted_at.is_(None)
)
_SERVER_NICS = _NICS.where(ports.c.server_id == bindparam("server"))
_NETWORK_NICS = _NICS.where(ports.c.network_id == bindparam("network"))
_STEPS = select(task_steps).order_by(task_steps.c.task_id, task_steps.c.seq)


def get_server(connection: Connection, server_id: str, project_id: str | None) -> Server:
    """One server that is not deleted, of this project (None: of any); `NotFound` otherwise."""
    return of_project(find_server(connection, server_id), server_id, project_id)


def of_project(server: Server | None, server_id: str, project_id: str | None) -> Server:
    """What was found, if it is this project's (None: any one's); `NotFound` otherwise."""
    if server is None or project_id not in (None, server.project_id):
        raise no_server(server_id)
    return server


def find_server(connection: Connection, server_id: str) -> Server | None:
    """One server of any project, unless it is deleted."""
    row = connection.execute(_SERVER, {"server": server_id}).one_or_none()
    if row is None:
        return None
    nics = connection.execute(_SERVER_NICS, {"server": server_id})
    return rows.server_from(row, [rows.nic_from(nic) for nic in nics])


def list_servers(connection: Connection, page: Select[Any]) -> list[Server]:
    """The servers that a statement over `servers` selects, in its order."""
    return list(_each_server(connection, page))


def show_servers(
    connection: Connection, page: Select[Any], shown: Callable[[Server], T]
) -> list[T]:
    """What is made of each of those servers: there is only one of them at a time."""
    return list(map(shown, _each_server(connection, page)))


def _each_server(connection: Connection, page: Select[Any]) -> Iterator[Server]:
    nics: dict[str, list[Nic]] = defaultdict(list)
    ids = page.with_only_columns(servers.c.id)
    for row in _quick(connection.execute(_NICS.where(ports.c.server_id.in_(ids)))):
        nics[row.server_id].append(rows.nic_from(row))
    for row in _quick(connection.execute(page.add_columns(*_BELONGINGS))):
        yield rows.server_from(row, nics.get(row.id, ()))


def _quick(result: Result[Any]) -> Iterator[Any]:
    """Rows whose columns are plain attributes, for lists of many: SQLAlchemy's are slow to read."""
    return map(_plain(tuple(result.keys())), result)


@cache
def _plain(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    make: Callable[[Iterable[Any]], Any] = namedtuple("plain", names)._make  # type: ignore[attr-defined]
    return make


def list_network_nics(connection: Connection, network_id: str) -> list[OwnedNic]:
    """All ports of a network as nics, the spare ones too."""
    found = connection.execute(_NETWORK_NICS, {"network": network_id})
    return [OwnedNic(row.server_id, rows.nic_from(row)) for row in found]


def list_tasks(
    connection: Connection, statement: Select[Any], parameters: dict[str, Any]
) -> list[Task]:
    """The tasks that a statement over `tasks` selects, in its order, with their steps."""
    found = connection.execute(statement, parameters).all()
    if not found:
        return []
    steps: dict[int, list[rows.AnyRow]] = defaultdict(list)
    for step in connection.execute(_steps_of([task.id for task in found])):
        steps[step.task_id].append(step)
    return [rows.task_from(task, steps[task.id]) for task in found]


def find_open_task(connection: Connection, server_id: str) -> Task | None:
    """The unfinished task of a server."""
    found = list_tasks(connection, _OPEN_TASK, {"server": server_id})
    return found[0] if found else None


def no_server(server_id: str) -> NotFound:
    """Say that there is no such server, in Nova's words."""
    return NotFound(f"Instance {server_id} could not be found.")


def _steps_of(task_ids: Sequence[int]) -> Select[Any]:
    return _STEPS.where(task_steps.c.task_id.in_(task_ids))


_OPEN_TASK = select(tasks).where(
    tasks.c.server_id == bindparam("server"), tasks.c.finished_at.is_(None)
)
