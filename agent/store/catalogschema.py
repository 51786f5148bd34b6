# SPDX-License-Identifier: Apache-2.0
"""The tables of what servers are made from, and of how much. See `schema.py` for the rules."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from agent.store.document import Document
from agent.store.schema import FLAVOR_ID, metadata
from agent.store.utctime import UtcTime

_ID = String(64)

keypairs = Table(
    "keypairs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("user_id", _ID, nullable=False),
    Column("name", String(255), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("type", String(16), nullable=False, server_default="ssh"),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,  # the id of a removed row is never given again
)

flavors = Table(
    "flavors",
    metadata,
    Column("id", FLAVOR_ID, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("vcpus", Integer, nullable=False),
    Column("ram_mb", Integer, nullable=False),
    Column("disk_gb", Integer, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("description", Text),
    Column("extra_specs", Document, nullable=False),
    Column("swap_mb", Integer, nullable=False, server_default="0"),
    Column("ephemeral_gb", Integer, nullable=False, server_default="0"),
    Column("rxtx_factor", Float, nullable=False, server_default="1"),
)

flavor_access = Table(
    "flavor_access",  # which projects may use a flavor that is not public
    metadata,
    Column("flavor_id", FLAVOR_ID, ForeignKey("flavors.id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", _ID, primary_key=True, index=True),
)

quotas = Table(
    "quotas",  # what was set for a project, or for one user in it; else the class's counts
    metadata,
    Column("project_id", _ID, primary_key=True),
    Column("user_id", _ID, primary_key=True),  # "": of the whole project
    Column("resource", String(64), primary_key=True),
    Column("most", Integer, nullable=False),  # -1: any number
)

quota_classes = Table(
    "quota_classes",  # what was set of a class; "default" is everybody's
    metadata,
    Column("name", String(255), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("most", Integer, nullable=False),
)
