# SPDX-License-Identifier: Apache-2.0
"""The tables, as this version uses them. A change here needs a revision in `migrations/`.

Only what both SQLite and PostgreSQL know. Projects, users, flavors and images that a server names
are not foreign keys: the accounts may live in another Identity service, and a server outlives its
flavor and its image.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from agent.model.server import Fault, Flavor, Hardware, RescueSystem
from agent.model.states import PowerState, TaskState, VmState
from agent.store.document import Document, Kept
from agent.store.utctime import UtcTime
from agent.store.words import Word

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _fault(created_at: str, **others: Any) -> Fault:
    return Fault(created_at=datetime.fromisoformat(created_at), **others)


_ID = String(64)
_FLAVOR = Kept(Flavor)
_VM_STATE = Word(VmState, String(32))
FLAVOR_ID = String(255)  # an administrator may choose it


settings = Table(
    "settings",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# Who

projects = Table(
    "projects",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("tags", Document, nullable=False, server_default="[]"),
)

users = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("password_hash", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("default_project_id", _ID, ForeignKey("projects.id", ondelete="SET NULL")),
    Column("email", String(255)),
    Column("description", Text),
    Column("extra", Document, nullable=False, server_default="{}"),
)

roles = Table(
    "roles",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("description", Text),
)

role_assignments = Table(
    "role_assignments",
    metadata,
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", _ID, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", _ID, ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True),
)

system_assignments = Table(
    "system_assignments",
    metadata,
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", _ID, ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_hash", String(128), primary_key=True),
    Column("audit_id", String(64), nullable=False),
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", _ID, ForeignKey("projects.id", ondelete="CASCADE")),
    Column("methods", Document, nullable=False),
    Column("issued_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False, index=True),
    Column("parent_audit_id", String(64)),
    Column("app_credential_id", _ID, ForeignKey("app_credentials.id", ondelete="CASCADE")),
    Column("of_system", Boolean, nullable=False, server_default="0"),
)

app_credentials = Table(
    "app_credentials",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", _ID, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("secret_hash", String(255), nullable=False),
    Column("role_ids", Document, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("description", Text),
    Column("expires_at", UtcTime),
    Column("unrestricted", Boolean, nullable=False),
    UniqueConstraint("user_id", "name"),
)

# What servers are made from

images = Table(
    "images",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(255)),
    Column("owner", _ID, nullable=False, index=True),
    Column("status", String(16), nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("disk_format", String(16)),
    Column("container_format", String(16)),
    Column("size", BigInteger),
    Column("virtual_size", BigInteger),
    Column("checksum", String(32)),
    Column("os_hash_algo", String(16)),
    Column("os_hash_value", String(128)),
    Column("min_disk", Integer, nullable=False),
    Column("min_ram", Integer, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("os_hidden", Boolean, nullable=False),
    Column("tags", Document, nullable=False),
    Column("properties", Document, nullable=False),
)

image_members = Table(
    "image_members",
    metadata,
    Column("image_id", _ID, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("member_id", String(255), primary_key=True, index=True),  # a project's, of any kind
    Column("status", String(16), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

# Networks

# Servers and what is done to them

servers = Table(
    "servers",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("project_id", _ID, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("name", String(255), nullable=False),
    Column("hostname", String(255), nullable=False),
    Column("flavor_id", FLAVOR_ID, nullable=False),
    Column("flavor", _FLAVOR, nullable=False),
    Column("vcpus", Integer, nullable=False),  # what is claimed: the flavor's, or more in a resize
    Column("ram_mb", Integer, nullable=False),
    Column("image_id", _ID, nullable=False, index=True),
    Column("vm_state", _VM_STATE, nullable=False),
    Column("task_state", Word(TaskState, String(32))),
    Column("power_state", Word(PowerState, Integer()), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("host", String(255), index=True),
    Column("metadata", Document, nullable=False),
    Column("image_properties", Document, nullable=False),
    Column("hardware", Kept(Hardware)),
    Column("user_data", Text),
    Column("key_name", String(255)),
    Column("public_key", Text),
    Column("access_ipv4", String(15), nullable=False),
    Column("access_ipv6", String(45), nullable=False),
    Column("disk_config", String(16), nullable=False),
    Column("config_drive", Boolean, nullable=False),
    Column("availability_zone", String(255)),
    Column("fault", Kept(_fault)),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("launched_at", UtcTime),
    Column("terminated_at", UtcTime),
    Column("deleted_at", UtcTime),  # a deleted server keeps its row
    Column("locked_by", String(16)),
    Column("description", Text),
    Column("locked_reason", String(255)),
    Column("reservation_id", String(32), nullable=False, server_default=""),  # of one request
    Column("launch_index", Integer, nullable=False, server_default="0"),
    Column("pinned_zone", String(255)),  # the availability zone that was asked for
    Column("requested_host", String(255)),
    Column("old_flavor", _FLAVOR),
    Column("old_vm_state", _VM_STATE),
    Column("rescue", Kept(RescueSystem)),  # what it runs instead of its own disk
    Column("shelved_image_id", _ID),
    Column("shelved_at", UtcTime),
    Index("ix_servers_listed", "project_id", "deleted_at", "created_at", "id"),
    Index(None, "created_at", "id"),
)

server_tags = Table(
    "server_tags",
    metadata,
    Column("server_id", _ID, ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(60), primary_key=True),
)

image_tasks = Table(
    "image_tasks",  # kept some days beyond their images
    metadata,
    Column("id", _ID, primary_key=True),
    Column("image_id", _ID, nullable=False, index=True),
    Column("owner", _ID, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("input", Document, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("deadline_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("attempts", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("result", Document),
)

injections = Table(
    "injections",  # kept as long as their server: its config drive is made of them
    metadata,
    Column("server_id", _ID, ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True),
    Column("files", Document, nullable=False),  # [{path, content}], the content being text
    Column("credential", Document),  # {user, hash, sealed}, nothing of it in clear
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("request_id", String(64), nullable=False, index=True),
    Column("server_id", _ID, ForeignKey("servers.id", ondelete="CASCADE"), nullable=False),
    Column("action", String(64), nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("project_id", _ID, nullable=False),
    Column("args", Document, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("deadline_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("error", Text),
    Index(None, "server_id"),
    sqlite_autoincrement=True,  # the id of a removed row is never given again
)

Index(
    "uq_tasks_open",
    tasks.c.server_id,
    unique=True,  # one open task a server
    # Its migration says the same of PostgreSQL, of which nothing is to be loaded here: it is 3 MiB.
    sqlite_where=text("finished_at IS NULL"),
)

task_steps = Table(
    "task_steps",
    metadata,
    Column("task_id", Integer, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("finished_at", UtcTime),  # null: undone without ever having been recorded as done
    Column("result", Document, nullable=False),
    Column("undone_at", UtcTime),
    UniqueConstraint("task_id", "name"),
    CheckConstraint("finished_at IS NOT NULL OR undone_at IS NOT NULL", name="done_or_undone"),
)

server_events = Table(
    "server_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("server_id", _ID, ForeignKey("servers.id", ondelete="CASCADE"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "server_id", "id"),
)
