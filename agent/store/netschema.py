# SPDX-License-Identifier: Apache-2.0
"""The tables of networks, ports and floating addresses. The rules are those of `schema.py`."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from agent.store.document import Document
from agent.store.schema import metadata
from agent.store.utctime import UtcTime

_ID = String(64)

networks = Table(
    "networks",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("project_id", _ID, nullable=False, index=True),
    Column("shared", Boolean, nullable=False),
    Column("libvirt_name", String(255), nullable=False),
    Column("bridge", String(16), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("updated_at", UtcTime),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("tags", Document, nullable=False, server_default="[]"),
)

subnets = Table(
    "subnets",
    metadata,
    Column("id", _ID, primary_key=True),
    Column(
        "network_id",
        _ID,
        ForeignKey("networks.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,  # a network has one subnet
    ),
    Column("name", String(255), nullable=False),
    Column("cidr", String(18), nullable=False),
    Column("gateway_ip", String(15), nullable=False),
    Column("pool_start", String(15), nullable=False),
    Column("pool_end", String(15), nullable=False),
    Column("dns", Document, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("dhcp", Boolean, nullable=False, server_default=true()),
    Column("description", Text, nullable=False, server_default=""),
    Column("updated_at", UtcTime),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("has_gateway", Boolean, nullable=False, server_default=true()),  # that is shown
    Column("tags", Document, nullable=False, server_default="[]"),
)

resting_addresses = Table(
    "resting_addresses",
    metadata,
    Column("subnet_id", _ID, ForeignKey("subnets.id", ondelete="CASCADE"), primary_key=True),
    Column("ip", String(15), primary_key=True),
    Column("released_at", UtcTime, nullable=False),
)

ports = Table(
    "ports",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("network_id", _ID, ForeignKey("networks.id", ondelete="RESTRICT"), nullable=False),
    Column("subnet_id", _ID, ForeignKey("subnets.id", ondelete="RESTRICT"), nullable=False),
    Column("project_id", _ID, nullable=False, index=True),
    Column("server_id", _ID, ForeignKey("servers.id", ondelete="CASCADE"), index=True),
    Column("position", Integer, nullable=False),  # which of its server's nics it is, from 0
    Column("name", String(255), nullable=False),
    Column("mac", String(17), nullable=False, unique=True),
    Column("ip", String(15), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("updated_at", UtcTime),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("is_kept", Boolean, nullable=False, server_default=false()),  # beyond its server
    Column("tag", String(60)),  # of the nic, for its guest
    Column("tags", Document, nullable=False, server_default="[]"),  # of the port, for users
    Column("own_groups", Boolean, nullable=False, server_default=false()),  # see `groupschema.py`
    UniqueConstraint("subnet_id", "ip"),
)

floating_ips = Table(
    "floating_ips",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("ip", String(15), nullable=False, unique=True),
    Column("project_id", _ID, nullable=False, index=True),
    Column(
        "port_id",
        _ID,
        ForeignKey("ports.id", ondelete="SET NULL"),
        unique=True,  # a port has one
    ),
    Column("created_at", UtcTime, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("updated_at", UtcTime),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("tags", Document, nullable=False, server_default="[]"),
)
