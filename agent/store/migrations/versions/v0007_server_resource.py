# SPDX-License-Identifier: Apache-2.0
"""What later versions of the API say of a server: its tags, description, lock. Revision 0007."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_ID = sa.String(64)


def upgrade() -> None:
    """Add a table and columns, and room for a host name that is a whole domain name."""
    op.create_table(
        "server_tags",
        sa.Column("server_id", _ID, nullable=False),
        sa.Column("tag", sa.String(60), nullable=False),
        sa.ForeignKeyConstraint(
            ["server_id"],
            ["servers.id"],
            name=op.f("fk_server_tags_server_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("server_id", "tag", name=op.f("pk_server_tags")),
    )
    with op.batch_alter_table("servers") as servers:
        servers.alter_column("hostname", existing_type=sa.String(63), type_=sa.String(255))
        servers.add_column(sa.Column("description", sa.Text(), nullable=True))
        servers.add_column(sa.Column("locked_reason", sa.String(255), nullable=True))
        servers.add_column(
            sa.Column("reservation_id", sa.String(32), nullable=False, server_default="")
        )
        servers.add_column(
            sa.Column("launch_index", sa.Integer(), nullable=False, server_default="0")
        )
        servers.add_column(sa.Column("pinned_zone", sa.String(255), nullable=True))
        servers.add_column(sa.Column("requested_host", sa.String(255), nullable=True))
