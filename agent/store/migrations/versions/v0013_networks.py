# SPDX-License-Identifier: Apache-2.0
"""Networks, subnets and ports of users' own making. Revision 0013."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_TIME = sa.String(32)


def upgrade() -> None:
    """Add columns; what is there already was made by this cloud itself."""
    for name in ("networks", "subnets", "ports"):
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("description", sa.Text(), nullable=False, server_default=""))
            table.add_column(sa.Column("updated_at", _TIME, nullable=True))
            table.add_column(
                sa.Column("revision", sa.Integer(), nullable=False, server_default="1")
            )
    with op.batch_alter_table("subnets") as table:
        table.add_column(
            sa.Column("has_gateway", sa.Boolean(), nullable=False, server_default=sa.true())
        )
    with op.batch_alter_table("ports") as table:
        table.add_column(
            sa.Column("is_kept", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("tag", sa.String(60), nullable=True))
