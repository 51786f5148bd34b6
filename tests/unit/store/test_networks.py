# SPDX-License-Identifier: Apache-2.0
"""Networks, subnets and ports: a project sees its own and shared networks, and its own ports."""

from __future__ import annotations

import pytest

from agent.errors import Conflict, NotFound
from agent.model.network import NicRequest
from agent.store import Store
from tests.unit.store.makers import NOW, add_network, build, later, make_server


def test_a_network_and_its_subnet_read_back_as_they_were_given(store: Store) -> None:
    network, subnet = add_network(store)

    assert store.networks.get_network("net", project_id=None) == network
    assert store.networks.get_subnet("net-subnet", project_id=None) == subnet


def test_a_second_network_of_the_same_id_is_a_conflict(store: Store) -> None:
    add_network(store)

    with pytest.raises(Conflict):
        add_network(store)

    assert len(store.networks.list_networks(project_id=None)) == 1


def test_a_project_sees_its_own_and_shared_networks(store: Store) -> None:
    add_network(store, network_id="shared", created_at=later(3))
    add_network(store, network_id="blues", project_id="blue", shared=False, created_at=later(2))
    add_network(store, network_id="reds", project_id="red", shared=False, created_at=later(1))

    seen = [network.id for network in store.networks.list_networks(project_id="blue")]
    subnets = [subnet.network_id for subnet in store.networks.list_subnets(project_id="blue")]

    assert seen == subnets == ["blues", "shared"]
    everything = store.networks.list_networks(project_id=None)
    assert [network.id for network in everything] == ["reds", "blues", "shared"]


def test_anothers_network_and_subnet_are_not_found(store: Store) -> None:
    add_network(store, network_id="reds", project_id="red", shared=False)

    with pytest.raises(NotFound, match=r"^Network reds could not be found\.$"):
        store.networks.get_network("reds", project_id="blue")
    with pytest.raises(NotFound, match=r"^Subnet reds-subnet could not be found\.$"):
        store.networks.get_subnet("reds-subnet", project_id="blue")


def test_networks_and_subnets_are_filtered(store: Store) -> None:
    add_network(store, network_id="a")
    add_network(store, network_id="b", shared=False)
    networks = store.networks

    by_name = networks.list_networks(project_id=None, name="b-name")
    assert [network.id for network in by_name] == ["b"]
    assert [n.id for n in networks.list_networks(project_id=None, shared=False)] == ["b"]
    assert [n.id for n in networks.list_networks(project_id=None, shared=True, id="a")] == ["a"]
    assert [s.id for s in networks.list_subnets(project_id=None, network_id="a")] == ["a-subnet"]


def test_ports_belong_to_their_server_and_project(store: Store) -> None:
    add_network(store)
    server = build(store, nics=[NicRequest("net"), NicRequest("net")])
    build(store, make_server(project_id="red"), nics=[NicRequest("net")])

    ports = store.networks.list_ports(project_id="blue")

    assert [port.id for port in ports] == [nic.port_id for nic in server.nics]
    assert [port.mac for port in ports] == [nic.mac for nic in server.nics]
    assert [port.ip for port in ports] == ["10.70.0.2", "10.70.0.3"]
    assert {(port.server_id, port.project_id, port.created_at) for port in ports} == {
        (server.id, "blue", NOW)
    }
    assert len(store.networks.list_ports(project_id=None)) == 3


def test_ports_are_filtered(store: Store) -> None:
    add_network(store)
    one = build(store, nics=[NicRequest("net")])
    two = build(store, nics=[NicRequest("net")])
    networks = store.networks

    by_server = networks.list_ports(project_id="blue", server_id=one.id)
    by_mac = networks.list_ports(project_id="blue", mac=two.nics[0].mac)

    assert [port.server_id for port in by_server] == [one.id]
    assert [port.server_id for port in by_mac] == [two.id]
    assert networks.list_ports(project_id="blue", network_id="other") == []
    assert [p.server_id for p in networks.list_ports(project_id=None, ip="10.70.0.3")] == [two.id]


def test_anothers_port_is_not_found(store: Store) -> None:
    add_network(store)
    port_id = build(store, nics=[NicRequest("net")]).nics[0].port_id

    with pytest.raises(NotFound, match=rf"^Port {port_id} could not be found\.$"):
        store.networks.get_port(port_id, project_id="red")
    assert store.networks.get_port(port_id, project_id="blue").id == port_id
