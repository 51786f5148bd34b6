# SPDX-License-Identifier: Apache-2.0
"""A network without DHCP: servers are told their addresses on their config drives alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import libvirt
import pytest

from agent.config import NetworkConfig
from tests.fast.smallcloud import SmallCloud, everywhere
from tests.fast.test_injection import read_drive


@pytest.fixture
def static(cloud: SmallCloud) -> SmallCloud:
    """The small cloud, its network's DHCP switched off before there is a server."""
    with cloud.parts.store.db.write() as connection:
        connection.exec_driver_sql("UPDATE subnets SET dhcp = 0")
    cloud.config = replace(cloud.config, network=NetworkConfig(dhcp=False))
    cloud.connection.close()
    cloud.connection = libvirt.open(cloud.config.libvirt_uri)
    cloud.reboot()
    return cloud


def test_a_server_has_its_address_from_its_config_drive(static: SmallCloud, tmp_path: Path) -> None:
    server_id = static.create()
    static.work()

    (nic,) = static.server(server_id).nics
    tree = read_drive(static, server_id, tmp_path / "drive")
    (network,) = json.loads((tree / "latest/network_data.json").read_text())["networks"]
    assert (network["type"], network["ip_address"]) == ("ipv4", nic.ip)
    assert network["netmask"] == "255.255.255.0"
    assert static.server(server_id).vm_state == "active"


def test_libvirt_is_asked_for_no_dhcp_and_no_reservation(static: SmallCloud) -> None:
    server_id = static.create()
    static.settle_down()

    xml = static.connection.networkLookupByName("cumulet").XMLDesc()
    assert "<dhcp>" not in xml
    assert static.inventory() == {**everywhere(server_id), "reservations": set()}

    static.act(server_id, "reboot_hard")
    static.settle_down()
    assert static.server(server_id).vm_state == "active"
    static.act(server_id, "delete")
    static.settle_down()
    assert static.inventory() == everywhere()
