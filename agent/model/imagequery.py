# SPDX-License-Identifier: Apache-2.0
"""Which images a list shows, and in which order: a value that the store turns into a statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from agent.model.image import MemberStatus
from agent.model.sorting import NEWEST_FIRST, SortKey

Operator: TypeAlias = Literal["eq", "neq", "gt", "gte", "lt", "lte", "in"]

Operand: TypeAlias = str | int | bool | datetime | Sequence[str]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold of one field of an image, as "created_at" "gt" a time.

    A time means the whole second that it begins: the API shows no more of one.
    """

    field: str
    operator: Operator
    value: Operand


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """Which of the images that a project sees are wanted."""

    conditions: tuple[Condition, ...] = ()
    tags: tuple[str, ...] = ()  # all of them
    properties: Mapping[str, str] = field(default_factory=dict)
    visibility: str | None = None  # None: all but other projects' community images; or "all"
    member_status: MemberStatus | None = MemberStatus.ACCEPTED  # of shared images; None: any
    os_hidden: bool | None = False  # None: both
    sort: tuple[SortKey, ...] = NEWEST_FIRST
    limit: int | None = None
    marker: str | None = None  # the id of the last image of the page before


EVERY_IMAGE = ImageQuery(visibility="all", member_status=None, os_hidden=None)
"""All that can be seen, whatever their owners want to be listed."""
