# SPDX-License-Identifier: Apache-2.0
"""The use cases of usage: how many hours of vCPUs, memory and disk projects have used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.errors import NotFound
from agent.model.identity import Caller
from agent.model.usage import Period, ServerUsage
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Usages:
    """Usage that a caller may see: its own project's, an administrator's all."""

    store: Store
    now: Callable[[], datetime]
    hosts: Callable[[], tuple[str, ...]]  # the names of all

    def list(
        self, period: Period, *, limit: int | None = None, marker: str | None = None
    ) -> Sequence[ServerUsage]:
        """What the servers of all projects used in a period, for an administrator.

        An unknown marker, the id of a server, is a `BadRequest`.
        """
        return self.store.usages.list(period, project_id=None, limit=limit, marker=marker)

    def of_project(
        self,
        caller: Caller,
        project_id: str,
        period: Period,
        *,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Sequence[ServerUsage]:
        """What the servers of one project used in a period; `NotFound` when it is another's."""
        if project_id != caller.project.id and not caller.is_admin:
            raise NotFound(f"Could not find project: {project_id}.")
        return self.store.usages.list(period, project_id=project_id, limit=limit, marker=marker)
