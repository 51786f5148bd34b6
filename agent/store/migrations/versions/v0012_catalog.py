# SPDX-License-Identifier: Apache-2.0
"""Flavors' further sizes and who may use them, keypairs' types, quotas. Revision 0012."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_ID = sa.String(64)
_FLAVOR_ID = sa.String(255)


def upgrade() -> None:
    """Add columns and tables; what is there already is not touched."""
    _widen_flavor_ids()
    _add_columns()
    _add_tables()


def _widen_flavor_ids() -> None:
    """Administrators choose them, so they may be as long as the standard has it."""
    for table, column in (("flavors", "id"), ("servers", "flavor_id")):
        with op.batch_alter_table(table) as batch:
            batch.alter_column(column, type_=_FLAVOR_ID, existing_type=_ID, existing_nullable=False)


def _add_columns() -> None:
    for name in ("swap_mb", "ephemeral_gb"):
        column = sa.Column(name, sa.Integer(), server_default="0", nullable=False)
        op.add_column("flavors", column)
    kind = sa.Column("type", sa.String(16), server_default="ssh", nullable=False)
    op.add_column("keypairs", kind)
    op.add_column(
        "flavors", sa.Column("rxtx_factor", sa.Float(), server_default="1", nullable=False)
    )


def _add_tables() -> None:
    op.create_table(
        "flavor_access",
        sa.Column("flavor_id", _FLAVOR_ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["flavor_id"],
            ["flavors.id"],
            name=op.f("fk_flavor_access_flavor_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("flavor_id", "project_id", name=op.f("pk_flavor_access")),
    )
    op.create_index(op.f("ix_flavor_access_project_id"), "flavor_access", ["project_id"])
    op.create_table(
        "quotas",
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("resource", sa.String(64), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "user_id", "resource", name=op.f("pk_quotas")),
    )
    op.create_table(
        "quota_classes",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("resource", sa.String(64), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "resource", name=op.f("pk_quota_classes")),
    )
