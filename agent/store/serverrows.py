# SPDX-License-Identifier: Apache-2.0
"""Between the rows of a server and its value: which columns it is read from, and what is written.

Pure, without statements. `COLUMNS` and `PORT_COLUMNS` are in the order of the fields that they
become, and each column's type reads it as what the field is: a list of a thousand servers has no
time for names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, func, select, type_coerce

from agent.model.change import ServerChange
from agent.model.server import Nic, NicNetwork, Rest, Server
from agent.store.netschema import floating_ips, networks, ports, subnets
from agent.store.placeschema import server_group_members
from agent.store.portgroups import GROUP_NAMES
from agent.store.rows import AnyRow, Values
from agent.store.schema import server_tags, servers
from agent.store.words import Joined

# What stands in other tables: no tag has a comma in it, and no server has two groups.
_ELSEWHERE: Mapping[str, ColumnElement[Any]] = {
    "tags": select(type_coerce(func.aggregate_strings(server_tags.c.tag, ","), Joined()))
    .where(server_tags.c.server_id == servers.c.id)
    .scalar_subquery(),
    "group_ids": select(type_coerce(server_group_members.c.group_id, Joined()))
    .where(server_group_members.c.server_id == servers.c.id)
    .scalar_subquery(),
}

_FIELDS = [field.name for field in fields(Server) if field.name != "nics"]
_OWN = [name for name in _FIELDS if name not in _ELSEWHERE]

COLUMNS: Sequence[ColumnElement[Any]] = [
    _ELSEWHERE[name].label(name) if name in _ELSEWHERE else servers.c[name] for name in _FIELDS
]
"""What a server is read from, besides its nics, which are its last field."""

PORT_COLUMNS: Sequence[ColumnElement[Any]] = (
    ports.c.server_id,
    ports.c.subnet_id,
    ports.c.id,
    ports.c.mac,
    ports.c.ip,
    ports.c.position,
    ports.c.tag,
    GROUP_NAMES,
    select(floating_ips.c.ip).where(floating_ips.c.port_id == ports.c.id).scalar_subquery(),
)
"""Whose port it is and at which subnet, then what a nic is read from besides its network."""

NETWORK_COLUMNS: Sequence[ColumnElement[Any]] = (
    subnets.c.network_id,
    networks.c.name.label("network_name"),
    networks.c.libvirt_name,
    networks.c.bridge,
    networks.c.mode,
    networks.c.mtu,
    subnets.c.cidr,
    subnets.c.gateway_ip,
    subnets.c.dns,
    subnets.c.dhcp,
)
"""What a nic's network is read from: a subnet joined with its network."""


def server_from(row: Iterable[Any], nics: Sequence[Nic]) -> Server:
    """Read `COLUMNS`; its nics come from `ports`."""
    return Server(*(*row, tuple(nics)))


def server_values(server: Server) -> Values:
    """Give a server's columns; its nics and tags are rows of their own."""
    flavor = server.flavor
    return {
        **{name: getattr(server, name) for name in _OWN},
        "flavor_id": flavor.id,
        "vcpus": flavor.vcpus,
        "ram_mb": flavor.ram_mb,
    }


def change_values(change: ServerChange) -> Values:
    """Give the columns that a change sets."""
    values: Values = {**change}
    return {**values, "flavor_id": change["flavor"].id} if "flavor" in change else values


def rest_from(row: AnyRow) -> Rest:
    """Read the columns that a sweep compares."""
    return Rest(
        server_id=row.id,
        vm_state=row.vm_state,
        task_state=row.task_state,
        power_state=row.power_state,
        shelved_at=row.shelved_at,
    )


def nic_from(row: Sequence[Any], network: NicNetwork) -> Nic:
    """Read `PORT_COLUMNS` of a port that is on this network."""
    _server_id, _subnet_id, port_id, *others = row[: len(PORT_COLUMNS)]
    return Nic(port_id, network, *others)


def nic_network_from(row: AnyRow) -> NicNetwork:
    """Read `NETWORK_COLUMNS`.

    An isolated network leads nowhere: its guests get no default route, nor does libvirt give one.
    """
    return NicNetwork(
        id=row.network_id,
        name=row.network_name,
        libvirt_name=row.libvirt_name,
        bridge=row.bridge,
        cidr=row.cidr,
        gateway=None if row.mode == "isolated" else row.gateway_ip,
        dns=tuple(row.dns),
        mtu=row.mtu,
        dhcp=row.dhcp,
    )
