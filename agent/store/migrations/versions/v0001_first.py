# SPDX-License-Identifier: Apache-2.0
"""The first tables. Revision 0001."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.String(64)
_TIME = sa.String(32)


def upgrade() -> None:
    """Make all tables of the first version."""
    _create_settings()
    _create_accounts()
    _create_roles()
    _create_tokens()
    _create_catalog()
    _create_networks()
    _create_servers()
    _create_ports()
    _create_tasks()
    _create_task_steps()
    _create_server_events()


def _create_settings() -> None:
    """A few words by name."""
    op.create_table(
        "settings",
        sa.Column("key", _ID, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
    )


def _create_accounts() -> None:
    """Who may ask."""
    op.create_table(
        "projects",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("default_project_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["default_project_id"],
            ["projects.id"],
            name=op.f("fk_users_default_project_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )


def _create_roles() -> None:
    """Who may what, and where."""
    op.create_table(
        "roles",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("name", name=op.f("uq_roles_name")),
    )
    op.create_table(
        "role_assignments",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("role_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_role_assignments_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_role_assignments_role_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_role_assignments_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "project_id", "role_id", name=op.f("pk_role_assignments")
        ),
    )


def _create_tokens() -> None:
    """Who has shown a password lately."""
    op.create_table(
        "tokens",
        sa.Column("token_hash", sa.String(length=128), nullable=False),
        sa.Column("audit_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=True),
        sa.Column("methods", sa.JSON(), nullable=False),
        sa.Column("issued_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_tokens_project_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_expires_at"), "tokens", ["expires_at"], unique=False)


def _create_catalog() -> None:
    """What servers are made from."""
    op.create_table(
        "flavors",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("vcpus", sa.Integer(), nullable=False),
        sa.Column("ram_mb", sa.Integer(), nullable=False),
        sa.Column("disk_gb", sa.Integer(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("extra_specs", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flavors")),
        sa.UniqueConstraint("name", name=op.f("uq_flavors_name")),
    )
    op.create_table(
        "images",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("owner", _ID, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("disk_format", sa.String(length=16), nullable=True),
        sa.Column("container_format", sa.String(length=16), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("virtual_size", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.String(length=32), nullable=True),
        sa.Column("os_hash_algo", sa.String(length=16), nullable=True),
        sa.Column("os_hash_value", sa.String(length=128), nullable=True),
        sa.Column("min_disk", sa.Integer(), nullable=False),
        sa.Column("min_ram", sa.Integer(), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("os_hidden", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
    )
    op.create_index(op.f("ix_images_owner"), "images", ["owner"], unique=False)


def _create_networks() -> None:
    """Networks and the memory of their addresses."""
    op.create_table(
        "networks",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("libvirt_name", sa.String(length=255), nullable=False),
        sa.Column("bridge", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("mtu", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_networks")),
    )
    op.create_index(op.f("ix_networks_project_id"), "networks", ["project_id"], unique=False)
    op.create_table(
        "subnets",
        sa.Column("id", _ID, nullable=False),
        sa.Column("network_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("cidr", sa.String(length=18), nullable=False),
        sa.Column("gateway_ip", sa.String(length=15), nullable=False),
        sa.Column("pool_start", sa.String(length=15), nullable=False),
        sa.Column("pool_end", sa.String(length=15), nullable=False),
        sa.Column("dns", sa.JSON(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_subnets_network_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subnets")),
        sa.UniqueConstraint("network_id", name=op.f("uq_subnets_network_id")),
    )
    op.create_table(
        "resting_addresses",
        sa.Column("subnet_id", _ID, nullable=False),
        sa.Column("ip", sa.String(length=15), nullable=False),
        sa.Column("released_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["subnet_id"],
            ["subnets.id"],
            name=op.f("fk_resting_addresses_subnet_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subnet_id", "ip", name=op.f("pk_resting_addresses")),
    )


def _create_servers() -> None:
    """Servers; a deleted one keeps its row."""
    op.create_table(
        "servers",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("hostname", sa.String(length=63), nullable=False),
        sa.Column("flavor_id", _ID, nullable=False),
        sa.Column("flavor", sa.JSON(), nullable=False),
        sa.Column("vcpus", sa.Integer(), nullable=False),
        sa.Column("ram_mb", sa.Integer(), nullable=False),
        sa.Column("image_id", _ID, nullable=False),
        sa.Column("vm_state", sa.String(length=32), nullable=False),
        sa.Column("task_state", sa.String(length=32), nullable=True),
        sa.Column("power_state", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("image_properties", sa.JSON(), nullable=False),
        sa.Column("hardware", sa.JSON(), nullable=True),
        sa.Column("user_data", sa.Text(), nullable=True),
        sa.Column("key_name", sa.String(length=255), nullable=True),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("access_ipv4", sa.String(length=15), nullable=False),
        sa.Column("access_ipv6", sa.String(length=45), nullable=False),
        sa.Column("disk_config", sa.String(length=16), nullable=False),
        sa.Column("config_drive", sa.Boolean(), nullable=False),
        sa.Column("availability_zone", sa.String(length=255), nullable=True),
        sa.Column("fault", sa.JSON(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("launched_at", _TIME, nullable=True),
        sa.Column("terminated_at", _TIME, nullable=True),
        sa.Column("deleted_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servers")),
    )
    op.create_index(op.f("ix_servers_created_at_id"), "servers", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_servers_host"), "servers", ["host"], unique=False)
    op.create_index(op.f("ix_servers_image_id"), "servers", ["image_id"], unique=False)
    op.create_index(
        "ix_servers_listed",
        "servers",
        ["project_id", "deleted_at", "created_at", "id"],
        unique=False,
    )


def _create_ports() -> None:
    """The nics of servers."""
    op.create_table(
        "ports",
        sa.Column("id", _ID, nullable=False),
        sa.Column("network_id", _ID, nullable=False),
        sa.Column("subnet_id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("server_id", _ID, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("mac", sa.String(length=17), nullable=False),
        sa.Column("ip", sa.String(length=15), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_ports_network_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_ports_server_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subnet_id"], ["subnets.id"], name=op.f("fk_ports_subnet_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ports")),
        sa.UniqueConstraint("mac", name=op.f("uq_ports_mac")),
        sa.UniqueConstraint("subnet_id", "ip", name=op.f("uq_ports_subnet_id_ip")),
    )
    op.create_index(op.f("ix_ports_project_id"), "ports", ["project_id"], unique=False)
    op.create_index(op.f("ix_ports_server_id"), "ports", ["server_id"], unique=False)


def _create_tasks() -> None:
    """What is done to servers; one open task a server."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request_id", _ID, nullable=False),
        sa.Column("server_id", _ID, nullable=False),
        sa.Column("action", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("deadline_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_tasks_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tasks_request_id"), "tasks", ["request_id"], unique=False)
    op.create_index(op.f("ix_tasks_server_id"), "tasks", ["server_id"], unique=False)
    op.create_index(
        "uq_tasks_open",
        "tasks",
        ["server_id"],
        unique=True,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def _create_task_steps() -> None:
    """How far each task is."""
    op.create_table(
        "task_steps",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", _ID, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("undone_at", _TIME, nullable=True),
        sa.CheckConstraint(
            "finished_at IS NOT NULL OR undone_at IS NOT NULL",
            name=op.f("ck_task_steps_done_or_undone"),
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_task_steps_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "seq", name=op.f("pk_task_steps")),
        sa.UniqueConstraint("task_id", "name", name=op.f("uq_task_steps_task_id_name")),
    )


def _create_server_events() -> None:
    """What happened to servers."""
    op.create_table(
        "server_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("server_id", _ID, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["server_id"],
            ["servers.id"],
            name=op.f("fk_server_events_server_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_events")),
    )
    op.create_index(
        op.f("ix_server_events_server_id_id"), "server_events", ["server_id", "id"], unique=False
    )
