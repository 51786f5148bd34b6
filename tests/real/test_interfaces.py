# SPDX-License-Identifier: Apache-2.0
"""Networks of a project's own and interfaces of running guests, as the guests see them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real

NETWORK = "/network/v2.0"
CIDR = "10.231.7.0/24"
LEASE = "/usr/share/udhcpc/default.script"


def test_a_running_guest_gets_a_nic_and_lets_go_of_it(real: RealCloud) -> None:
    network_id, subnet_id = make_network(real)
    port = ask(
        real,
        "POST",
        f"{NETWORK}/ports",
        port={
            "network_id": network_id,
            "fixed_ips": [{"subnet_id": subnet_id, "ip_address": "10.231.7.77"}],
        },
    )["port"]
    server_id = real.booted(networks=[{"port": port["id"]}])
    guest = real.guest(server_id)
    wait_for(
        lambda: "10.231.7.77" in guest.shell("ip addr"),
        timeout_s=30,
        what="the port's address in the guest",
    )

    # One more on the same network, by its id and a fixed address: seen, and served by DHCP.
    attached = ask(
        real,
        "POST",
        interface(server_id),
        interfaceAttachment={
            "net_id": network_id,
            "fixed_ips": [{"ip_address": "10.231.7.99"}],
        },
    )["interfaceAttachment"]
    name = wait_for_nic(real, server_id, attached["mac_addr"])
    assert name is not None
    guest.shell(f"ip link set {name} up && udhcpc -i {name} -f -n -q -t 10 -T 1 -s {LEASE}")
    assert "10.231.7.99" in guest.shell(f"ip addr show {name}")
    assert {address["addr"] for address in addresses(real, server_id)} == {
        "10.231.7.77",
        "10.231.7.99",
    }
    stored = real.live.virsh("dumpxml", "--inactive", server_id)
    assert attached["mac_addr"] in stored

    status, _, _ = real.api.request(
        "DELETE", f"/compute/v2.1{interface(server_id)}/{attached['port_id']}"
    )
    assert status == 202
    wait_for(
        lambda: len(real.api.get(interface(server_id))["interfaceAttachments"]) == 1,
        timeout_s=60,
        what="the end of the detachment",
    )
    assert attached["mac_addr"] not in guest.shell("ip link")
    assert attached["mac_addr"] not in real.live.virsh("dumpxml", server_id)
    assert attached["mac_addr"] not in real.live.virsh("dumpxml", "--inactive", server_id)

    # The user's own port stays when its server goes; a network in use does not go.
    status, _, _ = real.api.request("DELETE", f"{NETWORK}/networks/{network_id}")
    assert status == 409
    real.delete(server_id)
    left = ask(real, "GET", f"{NETWORK}/ports/{port['id']}")["port"]
    assert (left["device_id"], left["status"]) == ("", "DOWN")
    for path in (f"ports/{port['id']}", f"networks/{network_id}"):
        status, _, _ = real.api.request("DELETE", f"{NETWORK}/{path}")
        assert status == 204, path
    wait_for(
        lambda: network_id not in real.live.virsh("net-list", "--all", "--uuid"),
        timeout_s=30,
        what="the end of the libvirt network",
    )


def make_network(real: RealCloud) -> tuple[str, str]:
    network = ask(real, "POST", f"{NETWORK}/networks", network={"name": "own"})["network"]
    asked = {"network_id": network["id"], "cidr": CIDR, "ip_version": 4}
    subnet = ask(real, "POST", f"{NETWORK}/subnets", subnet=asked)["subnet"]
    return network["id"], subnet["id"]


def interface(server_id: str) -> str:
    return f"/servers/{server_id}/os-interface"


def ask(real: RealCloud, method: str, path: str, **body: Any) -> Any:
    path = path if path.startswith(NETWORK) else f"/compute/v2.1{path}"
    status, _, answer = real.api.request(method, path, body or None)
    assert status < 300, (status, answer)
    return answer


def addresses(real: RealCloud, server_id: str) -> list[dict[str, Any]]:
    return [a for found in real.api.server(server_id)["addresses"].values() for a in found]


def wait_for_nic(real: RealCloud, server_id: str, mac: str) -> str | None:
    """The name of a guest's nic, once the guest has seen it."""
    guest = real.guest(server_id)
    script = f"grep -l {mac} /sys/class/net/*/address || true"

    def look() -> str | None:
        found = guest.shell(script).split()
        return found[0].split("/")[4] if found else None

    return wait_for(look, timeout_s=30, what=f"a nic with {mac} in the guest")
