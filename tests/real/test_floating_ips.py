# SPDX-License-Identifier: Apache-2.0
"""Floating addresses by the API, on an isolated network: the host alone reaches guests by them.

What the world reaches under nat, and what security groups let in, is in `test_edge.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab.neighbour import make_neighbour
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud, running_cloud

pytestmark = pytest.mark.real

NETWORK = "/network/v2.0"
PORT = 8080
AT_ONCE_S = 5.0


@pytest.fixture(scope="module")
def real() -> Iterator[RealCloud]:
    """A cloud with floating addresses, which serves where the guests' bridge is."""
    pool = {"floating_pool": "192.0.2.10-192.0.2.19"}
    with (
        PrivateHost.start() as host,
        running_cloud(host, inside=True, network=pool) as cloud,
    ):
        yield cloud


def test_an_address_leads_to_a_guest_away_back_and_goes_with_it(real: RealCloud) -> None:
    one = real.booted("one")
    www = "/tmp/www"
    real.guest(one).shell(f"mkdir {www} && echo one > {www}/who && httpd -p {PORT} -h {www}")
    made = ask(real, "POST", f"{NETWORK}/floatingips", floatingip=public(real))["floatingip"]
    ip, path = made["floating_ip_address"], f"{NETWORK}/floatingips/{made['id']}"
    assert who(real, ip) == ""

    real.api.act(one, {"addFloatingIp": {"address": ip}})
    soon(lambda: who(real, ip) == "one", "the server")
    assert ask(real, "GET", path)["floatingip"]["status"] == "ACTIVE"
    assert kinds(real, one) == {"fixed", "floating"}

    # Whatever takes it away from the host, a power cut of Cumulet among it, it comes back.
    real.live.kill()
    table = tables(real).split()[-1]
    real.host.inside(["nft", "delete", "table", "ip", table])
    real.host.inside(["ip", "address", "delete", f"{ip}/32", "dev", "lo"])
    assert who(real, ip) == ""
    real.live.start()
    soon(lambda: who(real, ip) == "one", "the server after a power cut")
    real.host.restart_libvirtd()
    assert who(real, ip) == "one"

    # The world does not come in to an isolated network, nor to the host in the guest's place.
    world = make_neighbour(real.host, "", "192.0.2.7/24", name="world", gateway="192.0.2.1")
    real.host.inside(["ip", "address", "add", "192.0.2.1/24", "dev", "to-world"])
    assert world.pings("192.0.2.1")
    assert not world.connects(ip, PORT)
    assert not world.pings(ip)

    real.api.act(one, {"removeFloatingIp": {"address": ip}})
    soon(lambda: not has(real, ip) and who(real, ip) == "", "the end of the lead")
    assert kinds(real, one) == {"fixed"}
    real.api.act(one, {"addFloatingIp": {"address": ip}})
    soon(lambda: who(real, ip) == "one", "the server once more")

    real.delete(one)
    soon(lambda: not has(real, ip) and who(real, ip) == "", "the end of the server")
    left = ask(real, "GET", path)["floatingip"]
    assert (left["status"], left["port_id"]) == ("DOWN", None)
    assert who(real, ip) == ""
    assert real.api.request("DELETE", path)[0] == 204


def test_without_a_pool_nothing_of_it_is_left(real: RealCloud) -> None:
    assert "cumulet" in tables(real)
    real.live.stop()
    real.live.configure(network={"floating_pool": ""})
    real.live.start()

    soon(
        lambda: "cumulet" not in tables(real),
        "the end of the table",
    )
    assert ask(real, "GET", f"{NETWORK}/networks?router:external=True") == {"networks": []}


def public(real: RealCloud) -> dict[str, str]:
    networks = ask(real, "GET", f"{NETWORK}/networks?name=public")["networks"]
    return {"floating_network_id": networks[0]["id"]}


def ask(real: RealCloud, method: str, path: str, **body: Any) -> Any:
    status, _, answer = real.api.request(method, path, body or None)
    assert status < 300, (status, answer)
    return answer


def kinds(real: RealCloud, server_id: str) -> set[str]:
    (addresses,) = real.api.server(server_id)["addresses"].values()
    return {each["OS-EXT-IPS:type"] for each in addresses}


def who(real: RealCloud, ip: str) -> str:
    """What the guest says that the host reaches there; "" when nobody answers."""
    ask_it = "printf 'GET /who HTTP/1.0\\r\\n\\r\\n' >&3 && tail -n1 <&3"
    get = ["timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{ip}/{PORT} && {ask_it}"]
    answer = real.host.inside(get, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def tables(real: RealCloud) -> str:
    """The names of the tables of nftables on the host."""
    return real.host.inside(["nft", "list", "tables"]).stdout


def has(real: RealCloud, ip: str) -> bool:
    """Whether the host has an address."""
    return f" {ip}/32 " in real.host.inside(["ip", "address", "show", "lo"]).stdout


def soon(condition: Callable[[], bool], what: str) -> None:
    wait_for(condition, timeout_s=AT_ONCE_S, what=what)
