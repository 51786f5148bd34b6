# SPDX-License-Identifier: Apache-2.0
"""Floating addresses. Revision 0016."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_ID, _TIME = sa.String(64), sa.String(32)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "floating_ips",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("ip", sa.String(15), nullable=False, unique=True),
        sa.Column("project_id", _ID, nullable=False, index=True),
        sa.Column(
            "port_id",
            _ID,
            sa.ForeignKey("ports.id", ondelete="SET NULL"),
            nullable=True,
            unique=True,
        ),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("updated_at", _TIME, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False, server_default="[]"),
    )
