# SPDX-License-Identifier: Apache-2.0
"""Which servers a list shows, and in which order: a value that the store turns into a statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.model.sorting import NEWEST_FIRST, SortKey


@dataclass(frozen=True, slots=True)
class TagQuery:
    """What a server's tags must be; what is empty lets all through."""

    all_of: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()
    not_all_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ServerQuery:
    """Which servers are wanted; what is None or empty lets all through. Fields have their names in
    the API's queries: `store/serverselect.py` lists them."""

    equal: Mapping[str, frozenset[str]] = field(default_factory=dict)  # one of these, exactly
    patterns: Mapping[str, str] = field(default_factory=dict)  # a regular expression (RE2)
    times: Mapping[str, datetime] = field(default_factory=dict)  # the whole second that it begins
    flags: Mapping[str, bool] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()  # patterns, one of which an address of the server matches
    tags: TagQuery = TagQuery()
    changed_since: datetime | None = None
    changed_before: datetime | None = None
    deleted: bool | None = False  # None: both
    sort: tuple[SortKey, ...] = NEWEST_FIRST


ALL_SERVERS = ServerQuery()
"""All that are not deleted, the newest first."""
