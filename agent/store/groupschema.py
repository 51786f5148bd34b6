# SPDX-License-Identifier: Apache-2.0
"""The tables of security groups. The rules are those of `schema.py`.

A port is in its project's default group alone unless `ports.own_groups` says that it has groups of
its own, which are then the rows of `port_security_groups`: none, if it has none.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from agent.store.document import Document
from agent.store.schema import metadata
from agent.store.utctime import UtcTime

_ID = String(64)

security_groups = Table(
    "security_groups",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("project_id", _ID, nullable=False, index=True),
    Column("name", String(255), nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("tags", Document, nullable=False, server_default="[]"),
)

security_group_rules = Table(
    "security_group_rules",
    metadata,
    Column("id", _ID, primary_key=True),
    Column(
        "group_id",
        _ID,
        ForeignKey("security_groups.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("direction", String(8), nullable=False),
    Column("ethertype", String(4), nullable=False),
    Column("protocol", String(16)),
    Column("port_min", Integer),
    Column("port_max", Integer),
    Column("remote_prefix", String(64)),
    Column(
        "remote_group_id", _ID, ForeignKey("security_groups.id", ondelete="CASCADE"), index=True
    ),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("protocol_given", String(3)),  # its number, where its maker called it that
)

port_security_groups = Table(
    "port_security_groups",
    metadata,
    Column("port_id", _ID, ForeignKey("ports.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "group_id",
        _ID,
        ForeignKey("security_groups.id", ondelete="RESTRICT"),
        primary_key=True,
        index=True,
    ),
)
