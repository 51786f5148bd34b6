# SPDX-License-Identifier: Apache-2.0
"""Keypairs, and who has locked a server. Revision 0002."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.String(64)
_TIME = sa.String(32)


def upgrade() -> None:
    """Add a table and a column; what is there already is not touched."""
    op.create_table(
        "keypairs",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keypairs")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_keypairs_user_id_name")),
        sqlite_autoincrement=True,
    )
    op.add_column("servers", sa.Column("locked_by", sa.String(length=16), nullable=True))
