# SPDX-License-Identifier: Apache-2.0
"""Application credentials, and what accounts say of themselves. Revision 0005."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ID = sa.String(64)


def upgrade() -> None:
    """Add tables and columns; what is there already is not touched."""
    _add_tables()
    _add_columns()


def _add_tables() -> None:
    op.create_table(
        "app_credentials",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("secret_hash", sa.String(255), nullable=False),
        sa.Column("role_ids", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.String(32), nullable=True),
        sa.Column("unrestricted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_app_credentials_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_app_credentials_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_credentials")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_app_credentials_user_id_name")),
    )
    op.create_table(
        "system_assignments",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("role_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_system_assignments_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"],
            ["roles.id"],
            name=op.f("fk_system_assignments_role_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_system_assignments")),
    )


def _add_columns() -> None:
    op.add_column(
        "projects",
        sa.Column("tags", sa.JSON(none_as_null=True), server_default="[]", nullable=False),
    )
    op.add_column("users", sa.Column("email", sa.String(255), nullable=True))
    op.add_column("users", sa.Column("description", sa.Text(), nullable=True))
    op.add_column(
        "users",
        sa.Column("extra", sa.JSON(none_as_null=True), server_default="{}", nullable=False),
    )
    op.add_column("roles", sa.Column("description", sa.Text(), nullable=True))
    with op.batch_alter_table("tokens") as tokens:
        tokens.add_column(sa.Column("parent_audit_id", sa.String(64), nullable=True))
        tokens.add_column(sa.Column("app_credential_id", _ID, nullable=True))
        tokens.add_column(sa.Column("of_system", sa.Boolean(), server_default="0", nullable=False))
        tokens.create_foreign_key(
            op.f("fk_tokens_app_credential_id"),
            "app_credentials",
            ["app_credential_id"],
            ["id"],
            ondelete="CASCADE",
        )
