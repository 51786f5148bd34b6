# SPDX-License-Identifier: Apache-2.0
"""What a resized server was before, until it is confirmed or reverted. Revision 0008."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add two columns; what is there already has been resized by nobody."""
    op.add_column("servers", sa.Column("old_flavor", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("servers", sa.Column("old_vm_state", sa.String(32), nullable=True))
