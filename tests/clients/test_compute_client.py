# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openstack` client with what users and administrators do on some days only.

The cloud serves all versions, so the client speaks the newest that it knows of each resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.newest import serving_newest
from tests.lab.cloud import LiveCloud

pytestmark = pytest.mark.clients

SMALL = ("--image", "bare", "--flavor", "m1.tiny")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, disk: Path) -> Iterator[LiveCloud]:
    with serving_newest(tmp_path_factory.mktemp("live") / "state") as cloud:
        cloud.openstack("image", "create", "--file", str(disk), "--disk-format", "qcow2", "bare")
        yield cloud


def ask(cloud: LiveCloud, *arguments: str) -> Any:
    """Run a command of the project's member and read the JSON that it prints."""
    return json.loads(cloud.openstack(*arguments, "-f", "json"))


def ask_admin(cloud: LiveCloud, *arguments: str) -> Any:
    return json.loads(cloud.openstack(*arguments, "-f", "json", cloud="cumulet-admin"))


def status(cloud: LiveCloud, name: str) -> str:
    return str(ask(cloud, "server", "show", name, "-c", "status")["status"])


def test_flavors_are_made_changed_and_deleted(live: LiveCloud) -> None:
    sizes = ("--ram", "256", "--vcpus", "2", "--disk", "2")
    specs = ("--property", "hw:cpu_policy=shared", "--property", "role=web")
    made = ask_admin(live, "flavor", "create", *sizes, *specs, "odd")
    live.openstack("flavor", "set", "--property", "tier=1", "odd", cloud="cumulet-admin")
    live.openstack("flavor", "unset", "--property", "role", "odd", cloud="cumulet-admin")
    shown = ask(live, "flavor", "show", "odd")
    live.openstack("flavor", "delete", "odd", cloud="cumulet-admin")

    assert (made["ram"], made["vcpus"], made["disk"]) == (256, 2, 2)
    assert made["properties"] == {"hw:cpu_policy": "shared", "role": "web"}
    assert shown["properties"] == {"hw:cpu_policy": "shared", "tier": "1"}
    assert "odd" not in [flavor["Name"] for flavor in ask(live, "flavor", "list")]


def test_a_server_is_in_a_group_and_is_rebuilt_resized_shelved_and_rescued(
    live: LiveCloud,
) -> None:
    group = ask(live, "server", "group", "create", "--policy", "anti-affinity", "apart")
    hint = ("--hint", f"group={group['id']}")
    made = ask(live, "server", "create", *SMALL, *hint, "--wait", "one")
    (listed,) = ask(live, "server", "group", "list", "--long")
    assert (made["status"], made["server_groups"]) == ("ACTIVE", [group["id"]])
    assert (listed["Policy"], listed["Members"]) == ("anti-affinity", [made["id"]])

    rebuilt = live.openstack("server", "rebuild", "--wait", "one", "-f", "json")
    assert rebuilt.startswith("Complete\n")
    assert json.loads(rebuilt.removeprefix("Complete\n"))["id"] == made["id"]

    assert live.openstack("server", "resize", "--flavor", "m1.small", "--wait", "one") == (
        "Complete\n"
    )
    assert status(live, "one") == "VERIFY_RESIZE"
    live.openstack("server", "resize", "confirm", "one")
    shown = ask(live, "server", "show", "one")
    assert (shown["status"], shown["flavor"]["original_name"]) == ("ACTIVE", "m1.small")

    live.openstack("server", "image", "create", "--name", "snap", "--wait", "one")
    snap = ask(live, "image", "show", "snap")
    assert (snap["status"], snap["properties"]["instance_uuid"]) == ("active", made["id"])

    live.openstack("server", "shelve", "--offload", "--wait", "one")
    assert status(live, "one") == "SHELVED_OFFLOADED"
    live.openstack("server", "unshelve", "--wait", "one")
    assert status(live, "one") == "ACTIVE"

    live.openstack("server", "rescue", "one")
    assert status(live, "one") == "RESCUE"
    live.openstack("server", "unrescue", "one")
    assert status(live, "one") == "ACTIVE"

    used = ask(live, "usage", "show")
    assert [each["name"] for each in used["Servers"]] == ["one"]
    (project,) = ask_admin(live, "usage", "list")
    assert project["CPU Hours"] > 0
    live.openstack("server", "delete", "--wait", "one")
    live.openstack("server", "group", "delete", "apart")


def test_hosts_are_listed_and_taken_together(live: LiveCloud) -> None:
    (host,) = ask_admin(live, "hypervisor", "list")
    name = host["Hypervisor Hostname"]
    made = ask_admin(live, "aggregate", "create", "--zone", "nova", "--property", "ssd=1", "rack")
    filled = ask_admin(live, "aggregate", "add", "host", "rack", name)
    ask_admin(live, "aggregate", "remove", "host", "rack", name)
    live.openstack("aggregate", "delete", "rack", cloud="cumulet-admin")

    assert (host["Hypervisor Type"], host["State"]) == ("TEST", "up")
    assert made["properties"] == {"availability_zone": "nova", "ssd": "1"}
    assert (made["hosts"], filled["hosts"]) == ([], [name])
    assert ask_admin(live, "aggregate", "list") == []


def test_a_quota_is_set_and_shown_to_its_project(live: LiveCloud) -> None:
    live.openstack("quota", "set", "--instances", "7", "lab", cloud="cumulet-admin")
    limits = {line["Resource"]: line["Limit"] for line in ask(live, "quota", "show")}

    assert (limits["instances"], limits["cores"], limits["networks"]) == (7, 20, 10)


def test_a_server_has_the_port_that_its_user_made(live: LiveCloud) -> None:
    network = ask(live, "network", "create", "inner")
    subnet = ask(
        live,
        *("subnet", "create", "--network", "inner", "--subnet-range", "10.201.0.0/24", "range"),
    )
    address = ("--fixed-ip", "ip-address=10.201.0.9")
    port = ask(live, "port", "create", "--network", "inner", *address, "mine")
    made = ask(live, "server", "create", *SMALL, "--port", "mine", "--wait", "two")
    live.openstack("server", "delete", "--wait", "two")
    left = ask(live, "port", "show", "mine")
    live.openstack("port", "delete", "mine")
    live.openstack("network", "delete", "inner")

    assert (subnet["network_id"], subnet["gateway_ip"]) == (network["id"], "10.201.0.1")
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.201.0.9"}]
    assert made["addresses"] == {"inner": ["10.201.0.9"]}
    assert (left["id"], left["status"], left["device_id"]) == (port["id"], "DOWN", "")
    assert [each["Name"] for each in ask(live, "network", "list")] == ["lab"]
