# SPDX-License-Identifier: Apache-2.0
"""What is put into guests, and subnets without DHCP. Revision 0003."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.String(64)


def upgrade() -> None:
    """Add a table and a column; what is there already is not touched."""
    op.create_table(
        "injections",
        sa.Column("server_id", _ID, nullable=False),
        sa.Column("files", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("credential", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["server_id"],
            ["servers.id"],
            name=op.f("fk_injections_server_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("server_id", name=op.f("pk_injections")),
    )
    op.add_column(
        "subnets", sa.Column("dhcp", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
