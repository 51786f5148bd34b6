# SPDX-License-Identifier: Apache-2.0
"""Shelved servers: the image that holds their disk, and since when. Revision 0010."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add columns; what is there already is not touched."""
    op.add_column("servers", sa.Column("shelved_image_id", sa.String(64), nullable=True))
    op.add_column("servers", sa.Column("shelved_at", sa.String(32), nullable=True))
