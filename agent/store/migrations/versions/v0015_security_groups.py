# SPDX-License-Identifier: Apache-2.0
"""Security groups. Revision 0015."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_ID, _TIME = sa.String(64), sa.String(32)
_SPACE = uuid.UUID("5f0a3f0e-64a5-4b63-9c3e-6f2f0d5b9a11")


def upgrade() -> None:
    """Add the tables, and give each project its default group: as open as it was shown to be."""
    groups = op.create_table(
        "security_groups",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("project_id", _ID, nullable=False, index=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False, server_default="[]"),
    )
    rules = op.create_table(
        "security_group_rules",
        sa.Column("id", _ID, primary_key=True),
        sa.Column(
            "group_id",
            _ID,
            sa.ForeignKey("security_groups.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("ethertype", sa.String(4), nullable=False),
        sa.Column("protocol", sa.String(16), nullable=True),
        sa.Column("port_min", sa.Integer(), nullable=True),
        sa.Column("port_max", sa.Integer(), nullable=True),
        sa.Column("remote_prefix", sa.String(64), nullable=True),
        sa.Column(
            "remote_group_id",
            _ID,
            sa.ForeignKey("security_groups.id", ondelete="CASCADE"),
            nullable=True,
            index=True,
        ),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("protocol_given", sa.String(3), nullable=True),
    )
    _add_to_ports()
    for (project_id,) in op.get_bind().execute(sa.text("SELECT id FROM projects")).all():
        _give_default(groups, rules, project_id)


def _add_to_ports() -> None:
    op.create_table(
        "port_security_groups",
        sa.Column("port_id", _ID, sa.ForeignKey("ports.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "group_id",
            _ID,
            sa.ForeignKey("security_groups.id", ondelete="RESTRICT"),
            primary_key=True,
            index=True,
        ),
    )
    with op.batch_alter_table("ports") as table:
        table.add_column(
            sa.Column("own_groups", sa.Boolean(), nullable=False, server_default=sa.false())
        )


def _give_default(groups: sa.Table, rules: sa.Table, project_id: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    group_id = str(uuid.uuid5(_SPACE, project_id))
    group = {"id": group_id, "project_id": project_id, "name": "default", "tags": []}
    times = {"created_at": now, "updated_at": now}
    op.bulk_insert(groups, [{**group, **times, "description": "Default security group"}])
    for direction in ("egress", "ingress"):
        for ethertype in ("IPv4", "IPv6"):
            rule = {
                "id": str(uuid.uuid5(_SPACE, f"{project_id}/{direction}/{ethertype}")),
                "group_id": group_id,
                "direction": direction,
                "ethertype": ethertype,
                "created_at": now,
            }
            op.bulk_insert(rules, [rule])
