# SPDX-License-Identifier: Apache-2.0
"""Networks and DHCP reservations over the test driver."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import HostFailed
from agent.hypervisor.base import Reservation
from agent.hypervisor.host import Host
from tests.domain_specs import make_network, make_nic, reservation_of


def test_a_network_is_made_once(host: Host, connection: Any) -> None:
    host.ensure_network(make_network())
    host.ensure_network(make_network())

    network = connection.networkLookupByName("cumulet")
    assert (network.isActive(), network.autostart(), network.bridgeName()) == (1, 1, "cumulet0")


def test_a_network_that_was_stopped_is_started(host: Host, connection: Any) -> None:
    host.ensure_network(make_network())
    connection.networkLookupByName("cumulet").destroy()

    host.ensure_network(make_network())

    assert connection.networkLookupByName("cumulet").isActive() == 1


def test_a_network_of_somebody_else_is_left_alone(host: Host) -> None:
    host.ensure_network(make_network())

    with pytest.raises(
        HostFailed, match=r"exists with address 10\.70\.0\.1 on bridge cumulet0, not"
    ):
        host.ensure_network(make_network(gateway="10.71.0.1"))


def test_a_reservation_is_made_once(host: Host) -> None:
    host.ensure_network(make_network())

    host.reserve("cumulet", reservation_of(make_nic(1)))
    host.reserve("cumulet", reservation_of(make_nic(1)))

    assert host.list_reservations("cumulet") == [Reservation("fa:16:3e:00:00:01", "10.70.0.11")]


@pytest.mark.parametrize(
    "stale",
    [make_nic(1, ip="10.70.0.99"), make_nic(1, mac="fa:16:3e:00:00:99")],
    ids=["same mac", "same address"],
)
def test_a_stale_reservation_is_replaced(host: Host, stale: Any) -> None:
    host.ensure_network(make_network())
    host.reserve("cumulet", reservation_of(stale))

    host.reserve("cumulet", reservation_of(make_nic(1)))

    assert host.list_reservations("cumulet") == [Reservation("fa:16:3e:00:00:01", "10.70.0.11")]


def test_release_takes_only_the_nics_own_reservation(host: Host) -> None:
    host.ensure_network(make_network())
    host.reserve("cumulet", reservation_of(make_nic(1)))
    host.reserve("cumulet", reservation_of(make_nic(2)))

    host.release("cumulet", make_nic(1).mac)
    host.release("cumulet", make_nic(1).mac)
    host.release("cumulet", make_nic(3, ip="10.70.0.12").mac)

    assert host.list_reservations("cumulet") == [Reservation("fa:16:3e:00:00:02", "10.70.0.12")]


def test_without_a_network_there_are_no_reservations(host: Host) -> None:
    host.release("cumulet", make_nic(1).mac)

    assert host.list_reservations("cumulet") == []
    with pytest.raises(HostFailed, match="'cumulet' does not exist"):
        host.reserve("cumulet", reservation_of(make_nic(1)))
