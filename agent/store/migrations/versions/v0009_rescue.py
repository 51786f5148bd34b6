# SPDX-License-Identifier: Apache-2.0
"""Servers in rescue. Revision 0009."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add a column; no server of before is in rescue."""
    op.add_column("servers", sa.Column("rescue", sa.JSON(none_as_null=True), nullable=True))
