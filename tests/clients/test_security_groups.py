# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openstack` client makes security groups, and puts servers and ports into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.test_openstack_cli import ask
from tests.lab.cloud import LiveCloud
from tests.lab.commands import CommandError

pytestmark = pytest.mark.clients

GROUP, RULE = ("security", "group"), ("security", "group", "rule")


def groups_of(live: LiveCloud, server: str) -> list[str]:
    shown = ask(live, "server", "show", server).get("security_groups", [])
    return [group["name"] for group in shown]


def rule(live: LiveCloud, group: str, *options: str) -> dict[str, Any]:
    return dict(ask(live, *RULE, "create", *options, group))


def test_groups_and_their_rules_are_made_shown_changed_and_deleted(live: LiveCloud) -> None:
    made = ask(live, *GROUP, "create", "--description", "for browsers", "--tag", "blue", "web")
    live.openstack(*GROUP, "set", "--name", "www", "--description", "x", "web")
    ask(live, *GROUP, "create", "peers")
    ssh = rule(live, "www", "--protocol", "tcp", "--dst-port", "22", "--remote-ip", "10.0.0.0/8")
    ping = rule(live, "www", "--protocol", "icmp", "--icmp-type", "8", "--icmp-code", "0")
    peers = rule(live, "www", "--remote-group", "peers")
    six = rule(live, "www", "--egress", "--ethertype", "IPv6", "--protocol", "ipv6-icmp")

    assert (ssh["port_range_min"], ssh["remote_ip_prefix"]) == (22, "10.0.0.0/8")
    assert (ping["port_range_min"], ping["port_range_max"]) == (8, 0)
    assert (six["direction"], six["protocol"]) == ("egress", "ipv6-icmp")
    assert ask(live, *RULE, "show", peers["id"])["remote_group_id"] == peers["remote_group_id"]
    shown = ask(live, *GROUP, "show", "www")
    assert (shown["id"], shown["description"], shown["tags"]) == (made["id"], "x", ["blue"])
    assert len(shown["rules"]) == 6
    listed = ask(live, *RULE, "list", "--ingress", "--protocol", "tcp", "www")
    assert [(each["ID"], each["Port Range"]) for each in listed] == [(ssh["id"], "22:22")]
    assert {group["Name"] for group in ask(live, *GROUP, "list")} == {"default", "peers", "www"}
    assert [group["Name"] for group in ask(live, *GROUP, "list", "--tags", "blue")] == ["www"]
    live.openstack(*RULE, "delete", ssh["id"], ping["id"])
    live.openstack(*GROUP, "delete", "peers", "www")
    with pytest.raises(CommandError, match="Default security group already exists"):
        live.openstack(*GROUP, "create", "default")


def test_ports_and_servers_are_put_into_groups(live: LiveCloud, disk: Path) -> None:
    image = ("--file", str(disk), "--disk-format", "qcow2")
    live.openstack("image", "create", *image, "grouped")
    ids = {name: ask(live, *GROUP, "create", name)["id"] for name in ("one", "two")}
    made = ask(live, "port", "create", "--network", "lab", "--security-group", "one", "plug")
    live.openstack("port", "set", "--security-group", "two", "plug")
    both = ask(live, "port", "show", "plug")
    live.openstack("port", "unset", "--security-group", "one", "plug")
    two = ask(live, "port", "show", "plug")
    live.openstack("port", "set", "--no-security-group", "plug")
    bare = ask(live, "port", "show", "plug")

    assert made["security_group_ids"] == [ids["one"]]
    assert both["security_group_ids"] == sorted(ids.values())
    assert two["security_group_ids"] == [ids["two"]]
    assert (bare["security_group_ids"], bare["port_security_enabled"]) == ([], True)
    live.openstack("port", "delete", "plug")
    live.openstack(
        *("server", "create", "--image", "grouped", "--flavor", "m1.tiny", "--network", "lab"),
        *("--security-group", "one", "--wait", "grouped"),
    )
    assert groups_of(live, "grouped") == ["one"]
    live.openstack("server", "add", "security", "group", "grouped", "two")
    live.openstack("server", "remove", "security", "group", "grouped", "one")
    assert groups_of(live, "grouped") == ["two"]
    with pytest.raises(CommandError, match="in use"):
        live.openstack(*GROUP, "delete", "two")
    live.openstack("server", "delete", "--wait", "grouped")
    live.openstack(*GROUP, "delete", "one", "two")
