# SPDX-License-Identifier: Apache-2.0
"""What users rewrite of a server: read and written in one transaction, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from agent.model.record import RecordChange
from agent.model.server import Server
from agent.store import loading
from agent.store.db import Database
from agent.store.schema import servers
from agent.store.tags import write_tags


@dataclass(frozen=True, slots=True)
class Records:
    """The columns of `servers` that are its users' to set."""

    db: Database

    def edit(
        self,
        server_id: str,
        change: Callable[[Server], RecordChange],
        *,
        project_id: str | None,
        now: datetime,
    ) -> Server:
        """Ask `change` what to set, given the server as it is, and set it; give it as it is then.

        `NotFound` when the project (None: any) has no such server; what `change` raises goes
        through. Nothing is written then.
        """
        with self.db.write() as connection:
            server = loading.get_server(connection, server_id, project_id)
            edit = change(server)
            if "tags" in edit:
                write_tags(connection, server_id, edit["tags"])
            columns = {name: value for name, value in edit.items() if name != "tags"}
            connection.execute(
                update(servers).where(servers.c.id == server_id).values(**columns, updated_at=now)
            )
            return loading.get_server(connection, server_id, project_id)
