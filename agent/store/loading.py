# SPDX-License-Identifier: Apache-2.0
"""Reads whole servers and tasks inside a transaction that the caller has opened.

One statement for the rows and one or two for all their parts, however many: never one a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, select

from agent.errors import NotFound
from agent.model.server import Nic, OwnedNic, Server
from agent.model.task import Task
from agent.store import rows
from agent.store.netschema import networks, ports, subnets
from agent.store.schema import servers, task_steps, tasks
from agent.store.serverrows import (
    COLUMNS,
    NETWORK_COLUMNS,
    PORT_COLUMNS,
    nic_from,
    nic_network_from,
    server_from,
)

T = TypeVar("T")

# Statements are built once: building one costs SQLAlchemy as much as running it.

_PORTS = select(*PORT_COLUMNS).order_by(ports.c.server_id, ports.c.position)
_OF_SUBNET = networks.c.id == subnets.c.network_id
_NETWORKS = select(subnets.c.id, *NETWORK_COLUMNS).join(networks, _OF_SUBNET)

# Of few ports at once with them, of many apart: their subnets are few.
_NICS = (
    _PORTS.add_columns(*NETWORK_COLUMNS)
    .join(subnets, subnets.c.id == ports.c.subnet_id)
    .join(networks, _OF_SUBNET)
)

_SERVER = select(*COLUMNS).where(
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
    return server_from(row, [_nic_from(nic) for nic in nics])


def list_servers(connection: Connection, page: Select[Any]) -> list[Server]:
    """The servers that a statement over `servers` selects, in its order."""
    return list(_each_server(connection, page))


def show_servers(
    connection: Connection, page: Select[Any], shown: Callable[[Server], T]
) -> list[T]:
    """What is made of each of those servers: there is only one of them at a time."""
    return list(map(shown, _each_server(connection, page)))


def _each_server(connection: Connection, page: Select[Any]) -> Iterator[Server]:
    nics = _nics_of(connection, page.with_only_columns(servers.c.id))
    for row in connection.execute(page.with_only_columns(*COLUMNS)):
        yield server_from(row, nics.get(row[0], ()))


def _nics_of(connection: Connection, ids: Select[Any]) -> Mapping[str, Sequence[Nic]]:
    """The nics of the servers that a statement selects the ids of, by these ids."""
    found = connection.execute(_PORTS.where(ports.c.server_id.in_(ids))).all()
    of_these = subnets.c.id.in_({subnet_id for _, subnet_id, *_ in found})
    joined = {
        row.id: nic_network_from(row) for row in connection.execute(_NETWORKS.where(of_these))
    }
    nics: dict[str, list[Nic]] = defaultdict(list)
    for port in found:
        server_id, subnet_id = port[:2]
        nics[server_id].append(nic_from(port, joined[subnet_id]))
    return nics


def _nic_from(row: rows.AnyRow) -> Nic:
    return nic_from(row, nic_network_from(row))


def list_network_nics(connection: Connection, network_id: str) -> list[OwnedNic]:
    """All ports of a network as nics, the spare ones too."""
    found = connection.execute(_NETWORK_NICS, {"network": network_id})
    return [OwnedNic(row.server_id, _nic_from(row)) for row in found]


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
