# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openstack` client does with this cloud what its users do every day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.model.layout import Layout
from tests.keys import ED25519, ED25519_FINGERPRINT
from tests.lab.cloud import LiveCloud
from tests.lab.commands import CommandError

pytestmark = pytest.mark.clients


def ask(cloud: LiveCloud, *arguments: str) -> Any:
    """Run a command of the client and read the JSON that it prints."""
    return json.loads(cloud.openstack(*arguments, "-f", "json"))


@pytest.fixture(scope="module")
def image(live: LiveCloud, disk: Path) -> dict[str, Any]:
    """An image that the client uploaded."""
    return dict(
        ask(
            live,
            *("image", "create", "--file", str(disk), "--disk-format", "qcow2"),
            *("--property", "os_type=linux", "empty"),
        )
    )


def test_token_issue(live: LiveCloud) -> None:
    token = ask(live, "token", "issue")

    assert sorted(token) == ["expires", "id", "project_id", "user_id"]


def test_catalog_list(live: LiveCloud) -> None:
    catalog = ask(live, "catalog", "list")

    assert [service["Type"] for service in catalog] == ["identity", "compute", "image", "network"]


def test_versions_show(live: LiveCloud) -> None:
    versions = ask(live, "versions", "show", "--service", "compute")

    assert [(version["Version"], version["Status"]) for version in versions] == [
        ("2.0", "DEPRECATED"),
        ("2.1", "CURRENT"),
    ]


def test_image_create_uploads_the_file(image: dict[str, Any]) -> None:
    assert image["status"] == "active"
    assert image["virtual_size"] == 2**20
    assert image["properties"]["os_type"] == "linux"


def test_image_list_and_show(live: LiveCloud, image: dict[str, Any]) -> None:
    listed = ask(live, "image", "list")
    shown = ask(live, "image", "show", "empty")

    assert {"ID": image["id"], "Name": "empty", "Status": "active"} in listed
    assert shown["checksum"] == image["checksum"]


def test_image_save_gives_the_bytes_back(
    live: LiveCloud, image: dict[str, Any], disk: Path, tmp_path: Path
) -> None:
    live.openstack("image", "save", "--file", str(tmp_path / "back"), str(image["id"]))

    assert (tmp_path / "back").read_bytes() == disk.read_bytes()


def test_flavor_list_and_show(live: LiveCloud) -> None:
    names = [flavor["Name"] for flavor in ask(live, "flavor", "list")]
    tiny = ask(live, "flavor", "show", "m1.tiny")

    assert names == ["m1.tiny", "m1.small", "m1.medium", "m1.large", "m1.xlarge"]
    assert (tiny["vcpus"], tiny["ram"], tiny["disk"]) == (1, 512, 1)


def test_network_and_subnet_list(live: LiveCloud) -> None:
    (network,) = ask(live, "network", "list")
    (subnet,) = ask(live, "subnet", "list")

    assert network["Name"] == "lab"
    assert network["Subnets"] == [subnet["ID"]]
    assert subnet["Network"] == network["ID"]


def test_networks_subnets_and_ports_are_tagged_and_found(live: LiveCloud) -> None:
    ask(live, "network", "create", "--tag", "blue", "--tag", "red", "tagged")
    where = ("--network", "tagged")
    own = ("--subnet-range", "10.231.77.0/24", "--tag", "blue", "range")
    subnet = ask(live, "subnet", "create", *where, *own)
    port = ask(live, "port", "create", *where, "--tag", "blue", "plug")
    live.openstack("network", "set", "--tag", "green", "tagged")
    live.openstack("network", "unset", "--tag", "red", "tagged")
    live.openstack("port", "set", "--no-tag", "--tag", "red", "plug")

    assert ask(live, "network", "show", "tagged")["tags"] == ["blue", "green"]
    assert (subnet["tags"], port["tags"]) == (["blue"], ["blue"])
    found = {
        query: [network["Name"] for network in ask(live, "network", "list", *query.split())]
        for query in ("--tags blue,green", "--any-tags red,green", "--not-tags blue")
    }
    assert found == {
        "--tags blue,green": ["tagged"],
        "--any-tags red,green": ["tagged"],
        "--not-tags blue": ["lab"],
    }
    assert [port["Name"] for port in ask(live, "port", "list", "--tags", "red")] == ["plug"]
    live.openstack("port", "delete", "plug")
    live.openstack("network", "delete", "tagged")


def test_limits_show(live: LiveCloud) -> None:
    limits = {line["Name"]: line["Value"] for line in ask(live, "limits", "show", "--absolute")}

    assert limits["instances"] == 10


def test_keypairs_are_imported_made_shown_and_deleted(live: LiveCloud, tmp_path: Path) -> None:
    public, private = tmp_path / "key.pub", tmp_path / "key"
    public.write_text(f"{ED25519}\n")

    imported = ask(live, "keypair", "create", "--public-key", str(public), "laptop")
    assert (imported["name"], imported["fingerprint"]) == ("laptop", ED25519_FINGERPRINT)

    live.openstack("keypair", "create", "--private-key", str(private), "made")
    assert private.read_text().startswith("-----BEGIN ")

    names = [keypair["Name"] for keypair in ask(live, "keypair", "list")]
    assert names == ["laptop", "made"]
    assert live.openstack("keypair", "show", "--public-key", "laptop").strip() == ED25519

    live.openstack("keypair", "delete", "laptop", "made")
    assert ask(live, "keypair", "list") == []


def test_a_servers_life(live: LiveCloud, image: dict[str, Any], tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.write_text(ED25519)
    live.openstack("keypair", "create", "--public-key", str(key), "mine")

    created = ask(
        live,
        *("server", "create", "--image", "empty", "--flavor", "m1.tiny", "--network", "lab"),
        *("--key-name", "mine", "--property", "role=web", "--config-drive", "true"),
        *("--wait", "one"),
    )
    assert created["status"] == "ACTIVE"
    assert created["image"] == f"empty ({image['id']})"
    assert created["key_name"] == "mine"

    (listed,) = ask(live, "server", "list")
    assert (listed["Name"], listed["Status"]) == ("one", "ACTIVE")
    assert list(listed["Networks"]) == ["lab"]

    shown = ask(live, "server", "show", "one")
    assert shown["addresses"] == listed["Networks"]
    assert shown["properties"] == {"role": "web"}

    live.openstack("server", "set", "--property", "role=db", "--property", "tier=1", "one")
    live.openstack("server", "unset", "--property", "role", "one")
    live.openstack("server", "set", "--name", "uno", "one")
    renamed = ask(live, "server", "show", str(created["id"]))
    assert (renamed["name"], renamed["properties"]) == ("uno", {"tier": "1"})
    live.openstack("server", "set", "--name", "one", "uno")

    (event,) = ask(live, "server", "event", "list", "one")
    assert (event["Server ID"], event["Action"]) == (created["id"], "create")
    shown = ask(live, "server", "event", "show", "one", str(event["Request ID"]))
    assert (shown["action"], shown["message"]) == ("create", None)
    assert shown["events"][0]["event"] == "compute_start"

    (port,) = ask(live, "port", "list", "--server", "one")
    assert port["Status"] == "ACTIVE"

    console = Layout(live.state).console_log(str(created["id"]))
    console.write_text("a line\nthe last line\n")
    assert live.openstack("console", "log", "show", "one") == "a line\nthe last line\n"

    assert live.openstack("server", "delete", "--wait", "one") == ""
    assert ask(live, "server", "list") == []


def test_a_server_without_a_network_named_gets_the_shared_one(
    live: LiveCloud, image: dict[str, Any]
) -> None:
    created = ask(live, "server", "create", "--image", "empty", "--flavor", "1", "--wait", "two")
    assert list(created["addresses"]) == ["lab"]

    live.openstack("server", "delete", "--wait", "two")


def test_what_is_refused_is_told_to_the_user(live: LiveCloud, image: dict[str, Any]) -> None:
    zone = ("--availability-zone", "mars")
    with pytest.raises(CommandError, match="availability_zone: The requested availability zone"):
        live.openstack("server", "create", "--image", "empty", "--flavor", "1", *zone, "three")
