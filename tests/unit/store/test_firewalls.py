# SPDX-License-Identifier: Apache-2.0
"""Which ports are filtered, and what passes them, by the groups that are recorded."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from agent.model.firewall import EVERYTHING, Firewall, Pass
from agent.model.identity import Project
from agent.model.network import NicRequest
from agent.model.securitygroup import (
    EGRESS,
    INGRESS,
    IPV4,
    IPV6,
    SecurityGroup,
    default_id,
    new_group,
    open_rule,
)
from agent.model.server import Server
from agent.store import Store
from tests.unit.store.makers import NOW, add_network, build, make_server, remove

NET = NicRequest("net")
ALL_OUT = (Pass(EGRESS, IPV4), Pass(EGRESS, IPV6))


@pytest.fixture
def cloud(store: Store) -> Store:
    """Two projects with their default groups, and a network that both see."""
    for name in ("blue", "red"):
        store.identity.add_project(Project(id=name, name=name))
    add_network(store)
    return store


def add_group(store: Store, name: str = "web", project_id: str = "blue") -> SecurityGroup:
    group = new_group(project_id, name, "", NOW)
    store.security_groups.add(group, most=-1)
    return group


def let_in(store: Store, group_id: str, **fields: object) -> None:
    rule = replace(open_rule(str(uuid.uuid4()), group_id, INGRESS, IPV4, NOW), **fields)  # type: ignore[arg-type]  # by the test
    store.security_groups.add_rules([rule], project_id=None, most=lambda project_id: -1)


def close(store: Store, project_id: str) -> None:
    """Take the rules for what comes in from a project's default group."""
    for rule in store.security_groups.get(default_id(project_id), project_id=None).rules:
        if rule.direction == INGRESS:
            store.security_groups.delete_rule(rule.id, NOW, project_id=None)


def join(store: Store, server: Server, group: SecurityGroup) -> None:
    store.security_groups.join(server.id, group.id, NOW, project_id=None)


def be_in_alone(store: Store, server: Server, group: SecurityGroup) -> None:
    join(store, server, group)
    store.security_groups.leave(server.id, "default", NOW, project_id=None)


def wall_of(server: Server, *passes: Pass) -> Firewall:
    nic = server.nics[0]
    return Firewall(nic.port_id, server.id, nic.mac, tuple(sorted(passes)))


def test_who_is_in_open_groups_is_not_filtered(cloud: Store) -> None:
    server = build(cloud, nics=[NET])
    join(cloud, server, add_group(cloud))  # beside the default one, which lets all pass

    assert cloud.firewalls.list_filtered() == []
    assert cloud.firewalls.list_filtered(server.id) == []


def test_a_port_is_filtered_by_the_rules_of_its_groups(cloud: Store) -> None:
    server, other = build(cloud, nics=[NET]), build(cloud, nics=[NET])
    group = add_group(cloud)
    let_in(cloud, group.id, protocol="tcp", port_min=22, port_max=22)
    be_in_alone(cloud, server, group)

    wall = wall_of(server, *ALL_OUT, Pass(INGRESS, IPV4, "tcp", 22, 22))
    assert cloud.firewalls.list_filtered() == [wall]
    assert cloud.firewalls.list_filtered(server.id) == [wall]
    assert cloud.firewalls.list_filtered(other.id) == []


def test_rules_of_all_its_groups_add_up(cloud: Store) -> None:
    server = build(cloud, nics=[NET])
    one, two = add_group(cloud, "one"), add_group(cloud, "two")
    let_in(cloud, one.id, protocol="tcp", port_min=22, port_max=22)
    let_in(cloud, two.id, protocol="icmp")
    be_in_alone(cloud, server, one)
    join(cloud, server, two)

    assert cloud.firewalls.list_filtered() == [
        wall_of(server, *ALL_OUT, Pass(INGRESS, IPV4, "icmp"), Pass(INGRESS, IPV4, "tcp", 22, 22))
    ]


def test_a_default_group_that_is_closed_filters_its_project_alone(cloud: Store) -> None:
    blue = build(cloud, nics=[NET])
    build(cloud, make_server(project_id="red"), nics=[NET])
    close(cloud, "blue")

    assert cloud.firewalls.list_filtered() == [wall_of(blue, *ALL_OUT)]


def test_a_port_without_any_group_lets_nothing_pass(cloud: Store) -> None:
    server = build(cloud, nics=[NET])
    cloud.security_groups.leave(server.id, "default", NOW, project_id=None)

    assert cloud.firewalls.list_filtered() == [wall_of(server)]


def test_a_remote_group_is_the_addresses_of_its_servers_now(cloud: Store) -> None:
    server, friend, stranger = (build(cloud, nics=[NET]) for _ in range(3))
    friends, group = add_group(cloud, "friends"), add_group(cloud)
    let_in(cloud, group.id, remote_group_id=friends.id)
    be_in_alone(cloud, server, group)
    join(cloud, friend, friends)

    from_friend = Pass(INGRESS, IPV4, remote=f"{friend.nics[0].ip}/32")
    assert cloud.firewalls.list_filtered() == [wall_of(server, *ALL_OUT, from_friend)]

    remove(cloud, friend.id)
    assert cloud.firewalls.list_filtered() == [wall_of(server, *ALL_OUT)]
    assert stranger.nics


def test_the_default_group_as_a_remote_one_has_its_projects_servers(cloud: Store) -> None:
    server, friend = build(cloud, nics=[NET]), build(cloud, nics=[NET])
    build(cloud, make_server(project_id="red"), nics=[NET])
    close(cloud, "blue")
    let_in(cloud, default_id("blue"), remote_group_id=default_id("blue"))

    members = [Pass(INGRESS, IPV4, remote=f"{s.nics[0].ip}/32") for s in (server, friend)]
    assert {wall.server_id: wall.passes for wall in cloud.firewalls.list_filtered()} == {
        each.id: wall_of(each, *ALL_OUT, *members).passes for each in (server, friend)
    }


def test_ports_that_servers_have_are_told_from_others(cloud: Store) -> None:
    server, gone = build(cloud, nics=[NET]), build(cloud, nics=[NET])
    remove(cloud, gone.id)
    asked = [server.nics[0].port_id, gone.nics[0].port_id, "never"]

    assert cloud.firewalls.list_bound(asked) == [
        replace(wall_of(server), passes=EVERYTHING),
    ]
