# SPDX-License-Identifier: Apache-2.0
"""Networks and DHCP reservations over the test driver."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from agent.errors import Conflict, HostFailed
from agent.hypervisor.base import Reservation
from agent.hypervisor.host import Host
from tests.domain_specs import SERVER_ID, make_network, make_nic, make_spec, reservation_of


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


def mode_of(connection: Any) -> str | None:
    root = ElementTree.fromstring(connection.networkLookupByName("cumulet").XMLDesc())
    forward = root.find("forward")
    return None if forward is None else forward.get("mode")


def test_a_network_that_nobody_is_on_is_changed_and_keeps_its_reservations(
    host: Host, connection: Any
) -> None:
    host.ensure_network(make_network())
    host.reserve("cumulet", reservation_of(make_nic(1)))
    uuid = connection.networkLookupByName("cumulet").UUIDString()

    host.change_network(make_network(mode="nat"))
    network = connection.networkLookupByName("cumulet")
    nat = mode_of(connection)
    host.change_network(make_network())

    assert (nat, mode_of(connection)) == ("nat", None)
    assert host.list_reservations("cumulet") == [reservation_of(make_nic(1))]
    assert (network.UUIDString(), network.isActive(), network.autostart()) == (uuid, 1, 1)


def test_a_network_on_which_a_guest_runs_is_not_changed(host: Host, connection: Any) -> None:
    host.ensure_network(make_network())
    host.define(make_spec())
    host.start(SERVER_ID)

    with pytest.raises(Conflict, match=f"guests run on it: instance-{SERVER_ID[:8]}"):
        host.change_network(make_network(mode="nat"))

    assert mode_of(connection) is None


def test_a_network_that_is_gone_is_made_as_it_is_to_become(host: Host, connection: Any) -> None:
    host.change_network(make_network(mode="nat"))

    assert mode_of(connection) == "nat"


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
