# SPDX-License-Identifier: Apache-2.0
"""Servers: made within the quota, read by their project only, listed in pages."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from agent.errors import AgentError, BadRequest, NotFound, OverQuota
from agent.model.change import ServerChange
from agent.model.network import NicRequest
from agent.model.quota import Quota, Usage
from agent.model.server import Fault, Flavor, Hardware, Nic, NicNetwork, Server
from agent.model.states import PowerState, TaskState, VmState
from agent.store import ServerFilter, Store
from tests.unit.store.makers import (
    NOW,
    add_network,
    build,
    later,
    make_server,
    make_task,
    open_task,
    remove,
    rest,
)


def test_a_created_server_reads_back_as_it_was_given(store: Store) -> None:
    flavor = Flavor("7", "m1.odd", 3, 640, 5, False, "odd", {"hw:x": "y"})
    given = replace(
        make_server(flavor=flavor),
        metadata={"key": "välue"},
        image_properties={"os_type": "linux"},
        user_data="I2Nsb3VkLWNvbmZpZw==",
        key_name="laptop",
        public_key="ssh-ed25519 AAAA",
        access_ipv4="192.0.2.1",
        access_ipv6="2001:db8::1",
        disk_config="AUTO",
        config_drive=False,
        availability_zone="nova",
        hardware=Hardware("kvm", "x86_64", "pc-q35-7.2", "host-passthrough"),
        fault=Fault(500, "broken", later(1), "details"),
        power_state=PowerState.CRASHED,
        progress=7,
        host="host-1",
        launched_at=later(2),
        terminated_at=later(3),
    )

    created = build(store, given)

    assert created == replace(given, task_state=TaskState.SCHEDULING)
    assert store.servers.get(given.id, project_id="blue") == created
    assert store.tasks.get_server(given.id) == created


def test_times_keep_their_microseconds_and_their_zone(store: Store) -> None:
    server = build(store)

    created_at = store.servers.get(server.id, project_id=None).created_at
    assert created_at.isoformat() == "2026-03-01T12:00:00.123456+00:00"


def test_create_opens_the_task_in_the_same_breath(store: Store) -> None:
    task = make_task(args={"password_hash": "$6$x", "count": 3})
    server = build(store, task=task, now=later(1))

    found = open_task(store, server.id)

    assert (found.request_id, found.action, found.user_id) == ("req-1", "create", "ann")
    assert found.args == {"password_hash": "$6$x", "count": 3}
    assert (found.started_at, found.deadline_at) == (later(1), later(601))
    assert (found.finished_at, found.error, found.steps, found.undone) == (None, None, (), ())


def test_nics_come_in_the_order_of_their_requests(store: Store) -> None:
    add_network(store, network_id="b", cidr="10.1.0.0/24")
    add_network(store, network_id="a", cidr="10.2.0.0/24", mode="isolated")

    nics = build(store, nics=[NicRequest("b"), NicRequest("a")]).nics

    assert nics[0] == Nic(
        port_id=nics[0].port_id,
        network=NicNetwork(
            id="b",
            name="b-name",
            libvirt_name="cumulet-b",
            bridge="cumulet0",
            cidr="10.1.0.0/24",
            gateway="10.1.0.1",
            dns=("10.70.0.1",),
            mtu=1500,
        ),
        mac=nics[0].mac,
        ip="10.1.0.2",
    )
    assert (nics[1].network.id, nics[1].ip, nics[1].network.gateway) == ("a", "10.2.0.2", None)


@pytest.mark.parametrize(
    ("quota", "message"),
    [
        (Quota(1, 20, 9999), "Quota exceeded for instances: Requested 1, but already used 1 of 1"),
        (Quota(9, 3, 9999), "Quota exceeded for cores: Requested 2, but already used 2 of 3 cores"),
        (Quota(9, 9, 4095), "Quota exceeded for ram: Requested 2048, but already used 2048 of 409"),
        (
            Quota(1, 2, 9999),
            "Quota exceeded for instances, cores: Requested 1, 2, but already used 1, 2 of 1, 2 "
            "instances, cores",
        ),
    ],
)
def test_a_server_beyond_the_quota_is_refused_with_the_numbers(
    store: Store, quota: Quota, message: str
) -> None:
    build(store)

    with pytest.raises(OverQuota) as refusal:
        build(store, quota=quota)

    assert refusal.value.message.startswith(message)
    assert store.quotas.usage("blue") == Usage(1, 2, 2048)


def test_usage_counts_what_is_not_deleted_of_the_project_only(store: Store) -> None:
    rest(store, vm_state=VmState.SUSPENDED)
    build(store)
    build(store, make_server(project_id="red"))
    remove(store, build(store).id)

    assert store.quotas.usage("blue") == Usage(instances=2, cores=4, ram_mb=4096)
    assert store.quotas.usage("nobody") == Usage(0, 0, 0)


def test_a_refused_server_leaves_nothing(store: Store) -> None:
    add_network(store, pool=("10.70.0.2", "10.70.0.2"))
    server = make_server()

    with pytest.raises(AgentError):
        build(store, server, nics=[NicRequest("net"), NicRequest("net")])

    assert store.servers.list(ServerFilter(None)) == []
    assert store.networks.list_ports(project_id=None) == []
    assert store.tasks.list_open_tasks() == []


def test_of_two_creates_at_the_edge_of_the_quota_one_wins(store: Store) -> None:
    gate = threading.Barrier(2)

    def race(_: int) -> Server | OverQuota:
        gate.wait()
        try:
            return build(store, quota=Quota(instances=1))
        except OverQuota as refusal:
            return refusal

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(race, range(2)))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["OverQuota", "Server"]
    assert store.quotas.usage("blue").instances == 1


def test_another_projects_server_is_not_found(store: Store) -> None:
    server = build(store)

    with pytest.raises(NotFound) as refusal:
        store.servers.get(server.id, project_id="red")

    assert refusal.value.message == f"Instance {server.id} could not be found."
    assert store.servers.get(server.id, project_id=None).id == server.id


def test_a_deleted_server_is_not_found_but_keeps_its_history(store: Store) -> None:
    server = rest(store)
    store.tasks.add_event(server.id, "it began", NOW)
    remove(store, server.id)

    with pytest.raises(NotFound):
        store.servers.get(server.id, project_id=None)
    with pytest.raises(NotFound):
        store.tasks.get_server(server.id)
    assert store.servers.list(ServerFilter(None)) == []
    assert [task.action for task in store.servers.list_tasks(server.id)] == ["delete", "create"]
    assert store.servers.list_events(server.id) == [(NOW, "it began")]


def test_lists_are_newest_first_and_by_id_within_a_moment(store: Store) -> None:
    for name, age in (("b", 0), ("a", 0), ("d", 1), ("c", 2)):
        build(store, make_server(server_id=name, created_at=later(age)))
    build(store, make_server(server_id="other", project_id="red"))

    listed = store.servers.list(ServerFilter("blue"))

    assert [server.id for server in listed] == ["c", "d", "b", "a"]
    assert len(store.servers.list(ServerFilter(None))) == 5


def test_pages_follow_each_other_without_gap_or_overlap(store: Store) -> None:
    for name, age in (("b", 0), ("a", 0), ("d", 1), ("c", 2)):
        build(store, make_server(server_id=name, created_at=later(age)))

    first = store.servers.list(ServerFilter("blue", limit=3))
    second = store.servers.list(ServerFilter("blue", limit=3, marker=first[-1].id))

    assert [server.id for server in first] == ["c", "d", "b"]
    assert [server.id for server in second] == ["a"]
    assert store.servers.list(ServerFilter("blue", limit=3, marker="a")) == []


@pytest.mark.parametrize("marker", ["nowhere", "foreign"])
def test_an_unknown_or_foreign_marker_is_a_bad_request(store: Store, marker: str) -> None:
    build(store, make_server(server_id="foreign", project_id="red"))

    with pytest.raises(BadRequest) as refusal:
        store.servers.list(ServerFilter("blue", marker=marker))

    assert refusal.value.message == f"marker [{marker}] not found"


def test_a_list_gives_each_server_its_own_nics(store: Store) -> None:
    add_network(store)
    one = build(store, nics=[NicRequest("net"), NicRequest("net")])
    two = build(store, nics=[NicRequest("net")])
    none = build(store)

    listed = {server.id: server for server in store.servers.list(ServerFilter("blue", limit=10))}

    assert listed == {one.id: one, two.id: two, none.id: none}


def test_a_change_of_a_resting_server_shows_at_once(store: Store) -> None:
    server = rest(store)
    fault = Fault(500, "gone", later(5))

    assert store.tasks.settle_server(
        server.id, VmState.ACTIVE, ServerChange(vm_state=VmState.ERROR, fault=fault), "x", later(9)
    )

    found = store.servers.get(server.id, project_id="blue")
    assert (found.vm_state, found.fault, found.updated_at) == (VmState.ERROR, fault, later(9))
