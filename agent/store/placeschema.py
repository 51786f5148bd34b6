# SPDX-License-Identifier: Apache-2.0
"""The tables of places: server groups, hosts and aggregates. The rules are those of `schema.py`."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, Text

from agent.store.document import Document
from agent.store.schema import metadata
from agent.store.utctime import UtcTime

_ID = String(64)

server_groups = Table(
    "server_groups",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("project_id", _ID, nullable=False, index=True),
    Column("user_id", _ID, nullable=False),
    Column("policy", String(32), nullable=False),
    Column("max_server_per_host", Integer),
    Column("created_at", UtcTime, nullable=False),
)

server_group_members = Table(
    "server_group_members",  # a server is in one group at most, from its creation on
    metadata,
    Column("server_id", _ID, ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "group_id",
        _ID,
        ForeignKey("server_groups.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
)

placement_hints = Table(
    "placement_hints",  # of servers whose requests said something of their place
    metadata,
    Column("server_id", _ID, ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True),
    Column("hints", Document, nullable=False),
)

hosts = Table(
    "hosts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("uuid", _ID, nullable=False),
    Column("name", String(255), nullable=False, unique=True),
    Column("disabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    Column("forced_down", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

aggregates = Table(
    "aggregates",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("uuid", _ID, nullable=False),
    Column("name", String(255), nullable=False, unique=True),
    Column("metadata", Document, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime),
    sqlite_autoincrement=True,
)

aggregate_hosts = Table(
    "aggregate_hosts",
    metadata,
    Column(
        "aggregate_id", Integer, ForeignKey("aggregates.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("host", String(255), primary_key=True),
)
