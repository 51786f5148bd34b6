# SPDX-License-Identifier: Apache-2.0
"""Makes the statements over images: who sees which, which are wanted, in which order. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    UnaryExpression,
    and_,
    exists,
    false,
    or_,
    select,
    true,
)

from agent.model.image import Image, MemberStatus, Visibility
from agent.model.imagequery import Condition, ImageQuery, Operator
from agent.model.sorting import SortKey
from agent.store.schema import image_members, images

_OPERATORS: Mapping[Operator, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda column, values: column.in_(values),
}


def seen_by(viewer: str | None) -> ColumnElement[bool]:
    """What a viewer may see at all (None: everything)."""
    if viewer is None:
        return true()
    open_to_all = images.c.visibility.in_([Visibility.PUBLIC.value, Visibility.COMMUNITY.value])
    return or_(open_to_all, images.c.owner == viewer, _shared_with(viewer, None))


def select_images(query: ImageQuery, viewer: str | None, marker: Image | None) -> Select[Any]:
    """Select what is wanted, in its order, after the marker; `has_words` must sift it still."""
    statement = select(images).where(seen_by(viewer), _listed(query, viewer))
    for condition in query.conditions:
        statement = statement.where(_holds(condition))
    if query.os_hidden is not None:
        statement = statement.where(images.c.os_hidden.is_(query.os_hidden))
    keys = _total(query.sort)
    if marker is not None:
        statement = statement.where(_after(keys, marker))
    statement = statement.order_by(*(term for key in keys for term in _order(key)))
    return statement if query.tags or query.properties else statement.limit(query.limit)


def has_words(image: Image, query: ImageQuery) -> bool:
    """Whether an image has the tags and properties that are asked for."""
    return set(query.tags) <= set(image.tags) and all(
        image.properties.get(name) == value for name, value in query.properties.items()
    )


def _listed(query: ImageQuery, viewer: str | None) -> ColumnElement[bool]:
    """What its owners want to be listed for the viewer, of what it sees."""
    visibility = query.visibility
    wanted: ColumnElement[bool] = true()
    if visibility is None:
        others = images.c.visibility != Visibility.COMMUNITY.value
        wanted = others if viewer is None else or_(others, images.c.owner == viewer)
    elif visibility != "all":
        wanted = images.c.visibility == visibility
    if viewer is None or query.member_status is None:
        return wanted
    welcome = or_(
        images.c.visibility != Visibility.SHARED.value,
        images.c.owner == viewer,
        _shared_with(viewer, query.member_status),
    )
    return and_(wanted, welcome)


def _shared_with(viewer: str, status: MemberStatus | None) -> ColumnElement[bool]:
    member = exists().where(
        image_members.c.image_id == images.c.id, image_members.c.member_id == viewer
    )
    if status is not None:
        member = member.where(image_members.c.status == status.value)
    return and_(images.c.visibility == Visibility.SHARED.value, member)


def _holds(condition: Condition) -> ColumnElement[bool]:
    column, value = images.c[condition.field], condition.value
    if isinstance(value, datetime):
        return _holds_of_time(column, condition.operator, value)
    return _OPERATORS[condition.operator](column, value)


def _holds_of_time(
    column: ColumnElement[Any], compare: Operator, second: datetime
) -> ColumnElement[bool]:
    after = second + timedelta(seconds=1)
    match compare:
        case "eq":
            return and_(column >= second, column < after)
        case "neq":
            return or_(column < second, column >= after)
        case "gt":
            return column >= after
        case "lte":
            return column < after
        case _:
            return _OPERATORS[compare](column, second)


def _total(sort: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
    """Complete an order so that no two images are equal in it."""
    if any(key.field == "id" for key in sort):
        return sort
    return (*sort, SortKey("id", sort[-1].descending if sort else True))


def _order(key: SortKey) -> Iterator[UnaryExpression[Any]]:
    """Order by a field: SQLite and PostgreSQL do not agree on where NULL stands."""
    column = images.c[key.field]
    terms = (column.is_not(None), column) if column.nullable else (column,)
    for term in terms:
        yield term.desc() if key.descending else term.asc()


def _after(keys: tuple[SortKey, ...], marker: Image) -> ColumnElement[bool]:
    """What stands behind the marker: behind by a key, and level by all the keys before it."""
    return or_(
        *(
            and_(*(_level(before, marker) for before in keys[:position]), _behind(key, marker))
            for position, key in enumerate(keys)
        )
    )


def _level(key: SortKey, marker: Image) -> ColumnElement[bool]:
    column, value = images.c[key.field], getattr(marker, key.field)
    return column.is_(None) if value is None else and_(column == value)


def _behind(key: SortKey, marker: Image) -> ColumnElement[bool]:
    column, value = images.c[key.field], getattr(marker, key.field)
    if value is None:
        return false() if key.descending else column.is_not(None)
    if not key.descending:
        return and_(column > value)
    return or_(column < value, column.is_(None))
