# SPDX-License-Identifier: Apache-2.0
"""Tags of networks, subnets and ports. Revision 0014."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add a column to each; nothing has tags yet."""
    for name in ("networks", "subnets", "ports"):
        with op.batch_alter_table(name) as table:
            table.add_column(
                sa.Column("tags", sa.JSON(none_as_null=True), nullable=False, server_default="[]")
            )
