# SPDX-License-Identifier: Apache-2.0
"""Makes the statements over servers: which are wanted, in which order, after which. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Case,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    or_,
    select,
    true,
    type_coerce,
)

from agent.model.server import ROOT_DEVICES
from agent.model.serverquery import ALL_SERVERS, ServerQuery, TagQuery
from agent.model.sorting import SortKey
from agent.model.states import TaskState, VmState
from agent.store import patterns
from agent.store.netschema import ports
from agent.store.schema import server_tags, servers

FIELDS: Mapping[str, ColumnElement[Any]] = {
    "access_ip_v4": servers.c.access_ipv4,
    "access_ip_v6": servers.c.access_ipv6,
    "auto_disk_config": servers.c.disk_config,
    "availability_zone": servers.c.availability_zone,
    "config_drive": case((servers.c.config_drive, 1), else_=0),
    "created_at": servers.c.created_at,
    "display_description": servers.c.description,
    "display_name": servers.c.name,
    "flavor": servers.c.flavor_id,
    "host": servers.c.host,
    "hostname": servers.c.hostname,
    "image_ref": servers.c.image_id,
    "instance_type_id": servers.c.flavor_id,
    "kernel_id": servers.c.image_properties["kernel_id"].as_string(),
    "key_name": servers.c.key_name,
    "launch_index": servers.c.launch_index,
    "launched_at": servers.c.launched_at,
    "locked": case((servers.c.locked_by.is_not(None), 1), else_=0),
    "locked_by": servers.c.locked_by,
    "node": servers.c.host,
    "power_state": servers.c.power_state,
    "progress": servers.c.progress,
    "project_id": servers.c.project_id,
    "ramdisk_id": servers.c.image_properties["ramdisk_id"].as_string(),
    "reservation_id": servers.c.reservation_id,
    "root_device_name": case(
        *(
            (servers.c.hardware["disk_bus"].as_string() == bus, name)
            for bus, name in ROOT_DEVICES.items()
        ),
        else_="/dev/sda",
    ),
    "task_state": servers.c.task_state,
    "terminated_at": servers.c.terminated_at,
    "updated_at": servers.c.updated_at,
    "user_id": servers.c.user_id,
    "uuid": servers.c.id,
    "vm_state": servers.c.vm_state,
}
"""What servers may be filtered and sorted by, in the words of the API."""

_TEXTS = frozenset(
    {"created_at", "launched_at", "task_state", "terminated_at", "updated_at", "vm_state"}
)
"""What is compared as the text that is stored."""

_FLAGS: Mapping[str, ColumnElement[bool]] = {
    "auto_disk_config": servers.c.disk_config == "AUTO",
    "config_drive": servers.c.config_drive.is_(True),
    "locked": servers.c.locked_by.is_not(None),
}


@dataclass(frozen=True, slots=True)
class ServerFilter:
    """Which servers of whom a list shows, and which part of it."""

    project_id: str | None  # None: of all projects
    limit: int | None = None
    marker: str | None = None  # the id of the last server of the page before
    states: Mapping[VmState, Collection[TaskState | None]] | None = None  # None: any
    query: ServerQuery = ALL_SERVERS


def select_servers(wanted: ServerFilter) -> Select[Any]:
    """Select what is wanted, in its order, without regard to the page."""
    statement = select(servers).where(of_project(wanted), *_conditions(wanted))
    return statement.order_by(*(_ordered(key) for key in _keys(wanted.query.sort)))


def select_marker(wanted: ServerFilter) -> Select[Any]:
    """Select what `after` must know of the last server of the page before, a deleted one too."""
    columns = [
        _sortable(key.field).label(f"key_{number}")
        for number, key in enumerate(_keys(wanted.query.sort))
    ]
    return select(*columns).where(servers.c.id == wanted.marker, of_project(wanted))


def after(sort: Sequence[SortKey], last: Sequence[Any]) -> ColumnElement[bool]:
    """What stands behind the server with these sort keys."""
    keys = _keys(sort)
    behind: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for key, value in zip(keys, last, strict=True):
        column = _sortable(key.field)
        behind.append(and_(*same, column < value if key.descending else column > value))
        same.append(column == value)
    return or_(*behind)


def of_project(wanted: ServerFilter) -> ColumnElement[bool]:
    """What belongs to the project that is asked for."""
    return true() if wanted.project_id is None else servers.c.project_id == wanted.project_id


def _conditions(wanted: ServerFilter) -> Iterator[ColumnElement[bool]]:
    query = wanted.query
    if query.deleted is not None:
        is_there = servers.c.deleted_at.is_(None)
        yield servers.c.deleted_at.is_not(None) if query.deleted else is_there
    if wanted.states is not None:
        yield or_(false(), *(_in_states(*pair) for pair in wanted.states.items()))
    for name, values in query.equal.items():
        yield FIELDS[name].in_(sorted(values))
    for name, pattern in query.patterns.items():
        yield _matches(cast(FIELDS[name], String), pattern)
    for name, moment in query.times.items():
        yield and_(FIELDS[name] >= moment, FIELDS[name] < _end(moment))
    for name, is_wanted in query.flags.items():
        yield _FLAGS[name] if is_wanted else ~_FLAGS[name]
    if query.addresses:
        yield exists().where(
            ports.c.server_id == servers.c.id,
            or_(*(_matches(ports.c.ip, pattern) for pattern in query.addresses)),
        )
    if query.changed_since is not None:
        yield servers.c.updated_at >= query.changed_since
    if query.changed_before is not None:
        yield servers.c.updated_at < _end(query.changed_before)
    yield from _tagged(query.tags)


def _end(moment: datetime) -> datetime:
    """Where what a time means ends: a whole second, for the API shows no more of one."""
    return moment + (timedelta.resolution if moment.microsecond else timedelta(seconds=1))


def _in_states(vm_state: VmState, task_states: Collection[TaskState | None]) -> ColumnElement[bool]:
    words = sorted(state for state in task_states if state)
    at_rest = servers.c.task_state.is_(None) if None in task_states else false()
    return and_(servers.c.vm_state == vm_state, or_(at_rest, servers.c.task_state.in_(words)))


def _matches(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Whether a text has the pattern in it, or is it: it may look like one, or be no valid one."""
    if not patterns.is_pattern(pattern):
        return column == pattern
    return or_(column == pattern, column.regexp_match(pattern))


def _tagged(tags: TagQuery) -> Iterator[ColumnElement[bool]]:
    if tags.all_of:
        yield and_(*(_has_one_of({tag}) for tag in sorted(tags.all_of)))
    if tags.any_of:
        yield _has_one_of(tags.any_of)
    if tags.not_all_of:
        yield ~and_(*(_has_one_of({tag}) for tag in sorted(tags.not_all_of)))
    if tags.none_of:
        yield ~_has_one_of(tags.none_of)


def _has_one_of(tags: Collection[str]) -> ColumnElement[bool]:
    return exists().where(
        server_tags.c.server_id == servers.c.id, server_tags.c.tag.in_(sorted(tags))
    )


def _keys(sort: Sequence[SortKey]) -> tuple[SortKey, ...]:
    """The keys of an order in which no two servers are equal."""
    direction = sort[0].descending if sort else True
    given = {key.field for key in sort}
    last = (SortKey(name, direction) for name in ("created_at", "uuid") if name not in given)
    return (*sort, *last)


def _ordered(key: SortKey) -> ColumnElement[Any]:
    column = _sortable(key.field)
    return column.desc() if key.descending else column.asc()


def _sortable(name: str) -> ColumnElement[Any]:
    """A field as something that is never null, so that it can be compared with a marker's."""
    field = FIELDS[name]
    column = type_coerce(field, String) if name in _TEXTS else field
    may_be_null = getattr(field, "nullable", not isinstance(field, Case))  # each has an `else_`
    return func.coalesce(column, "") if may_be_null else column
