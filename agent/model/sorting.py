# SPDX-License-Identifier: Apache-2.0
"""What a list is sorted by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SortKey:
    """A field that a list is sorted by. What has no value counts as the smallest."""

    field: str
    descending: bool = True


NEWEST_FIRST = (SortKey("created_at"),)
