# SPDX-License-Identifier: Apache-2.0
"""What servers have used, from their rows: of deleted servers too, as long as those are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select, tuple_

from agent.errors import BadRequest
from agent.model.usage import Period, ServerUsage
from agent.store import rows
from agent.store.db import Database
from agent.store.schema import servers


@dataclass(frozen=True, slots=True)
class Usages:
    """The table `servers`, from the side of who counts hours."""

    db: Database

    def list(
        self,
        period: Period,
        *,
        project_id: str | None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Sequence[ServerUsage]:
        """The servers of a project (None: of all) that were there in a period, by project and id.

        Those after the server `marker`: `BadRequest` when there is none such.
        """
        statement = _SERVERS.where(
            servers.c.launched_at < period.stop,
            or_(servers.c.terminated_at.is_(None), servers.c.terminated_at > period.start),
        )
        if project_id is not None:
            statement = statement.where(servers.c.project_id == project_id)
        with self.db.read() as connection:
            if marker is not None:
                last = connection.execute(_PLACE.where(servers.c.id == marker)).one_or_none()
                if last is None or project_id not in (None, last.project_id):
                    raise BadRequest(f"marker [{marker[:60]}] not found")
                statement = statement.where(
                    tuple_(servers.c.project_id, servers.c.id) > tuple_(last.project_id, last.id)
                )
            return [_usage_from(row) for row in connection.execute(statement.limit(limit))]


def _usage_from(row: rows.AnyRow) -> ServerUsage:
    flavor = row.flavor
    return ServerUsage(
        server_id=row.id,
        name=row.name,
        project_id=row.project_id,
        flavor=flavor.name,
        vcpus=flavor.vcpus,
        memory_mb=flavor.ram_mb,
        disk_gb=flavor.disk_gb + flavor.ephemeral_gb,
        vm_state=row.vm_state,
        started_at=row.launched_at,
        ended_at=row.terminated_at,
    )


_SERVERS = select(
    servers.c.id,
    servers.c.name,
    servers.c.project_id,
    servers.c.flavor,
    servers.c.vm_state,
    servers.c.launched_at,
    servers.c.terminated_at,
).order_by(servers.c.project_id, servers.c.id)
_PLACE = select(servers.c.id, servers.c.project_id)
