# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openstack` client and openstacksdk give servers floating IPs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.sdk import SDK_TO_ITSELF, connected
from tests.clients.test_compute_sdk import OLD_WAYS
from tests.clients.test_openstack_cli import ask
from tests.fast.smallcloud import NODE
from tests.lab.cloud import LiveCloud
from tests.lab.commands import CommandError

pytestmark = [pytest.mark.clients, SDK_TO_ITSELF, OLD_WAYS]

FLOATING = ("floating", "ip")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, disk: Path) -> Iterator[LiveCloud]:
    """A cloud with three floating IPs, and with an image."""
    folder = tmp_path_factory.mktemp("live")
    node = folder / "node.xml"
    node.write_text(NODE)
    cloud = LiveCloud(folder / "state", f"test://{node}")
    cloud.init()
    cloud.configure(network={"floating_pool": "192.0.2.10-192.0.2.12"})
    try:
        cloud.start()
        cloud.openstack("image", "create", "--file", str(disk), "--disk-format", "qcow2", "bare")
        yield cloud
    finally:
        cloud.close()


def test_the_client_leads_an_address_to_servers_and_gives_it_back(live: LiveCloud) -> None:
    wanted = ("--image", "bare", "--flavor", "m1.tiny", "--network", "lab", "--wait")
    live.openstack("server", "create", *wanted, "one")
    made = ask(live, *FLOATING, "create", "--description", "web", "--tag", "blue", "public")
    ip = made["floating_ip_address"]

    assert (ip, made["status"], made["tags"]) == ("192.0.2.10", "DOWN", ["blue"])
    live.openstack("server", "add", "floating", "ip", "one", ip)
    assert ask(live, "server", "show", "one")["addresses"]["lab"][1] == ip
    (listed,) = ask(live, *FLOATING, "list", "--status", "ACTIVE")
    port = listed["Port"]
    with pytest.raises(CommandError, match="already has the floating IP"):
        live.openstack(*FLOATING, "create", "--port", port, "public")
    live.openstack("server", "remove", "floating", "ip", "one", ip)
    live.openstack(*FLOATING, "set", "--port", port, "--description", "mail", ip)
    shown = ask(live, *FLOATING, "show", ip)
    assert (shown["port_id"], shown["description"]) == (port, "mail")
    live.openstack(*FLOATING, "unset", "--port", "--tag", "blue", ip)
    live.openstack(*FLOATING, "delete", ip)


def test_the_sdk_gives_a_new_server_an_address_by_itself(live: LiveCloud) -> None:
    with connected(live, "cumulet") as sdk:
        server: Any = sdk.create_server(
            "auto", image="bare", flavor="m1.tiny", network="lab", auto_ip=True, wait=True
        )
        (floating_ip,) = sdk.list_floating_ips()
        assert floating_ip.floating_ip_address == "192.0.2.10"
        _, address = sdk.compute.get_server(server.id).addresses["lab"]
        assert (address["addr"], address["OS-EXT-IPS:type"]) == ("192.0.2.10", "floating")
        assert sdk.delete_server("auto", wait=True, delete_ips=True)
        assert sdk.list_floating_ips() == []
