# SPDX-License-Identifier: Apache-2.0
"""The tags of servers, written inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert

from agent.store.schema import server_tags


def write_tags(connection: Connection, server_id: str, tags: Collection[str]) -> None:
    """Give a server just these tags."""
    connection.execute(delete(server_tags).where(server_tags.c.server_id == server_id))
    if tags:
        rows = [{"server_id": server_id, "tag": tag} for tag in sorted(set(tags))]
        connection.execute(insert(server_tags), rows)
