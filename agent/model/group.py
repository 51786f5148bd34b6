# SPDX-License-Identifier: Apache-2.0
"""Server groups: servers of a project that are to share a host, or not to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Policy(StrEnum):
    """What a group asks of the hosts of its members; the soft ones only prefer it."""

    AFFINITY = "affinity"
    ANTI_AFFINITY = "anti-affinity"
    SOFT_AFFINITY = "soft-affinity"
    SOFT_ANTI_AFFINITY = "soft-anti-affinity"


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A group with the ids of its members that are not deleted, the oldest first."""

    id: str
    name: str
    project_id: str
    user_id: str
    policy: Policy
    created_at: datetime
    max_server_per_host: int | None = None  # of anti-affinity; None: not said, which means one
    members: tuple[str, ...] = ()
