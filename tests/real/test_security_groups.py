# SPDX-License-Identifier: Apache-2.0
"""Security groups by the API, as the guests and a machine beside them feel them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.lab.neighbour import Neighbour, make_neighbour
from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real

NETWORK = "/network/v2.0"
TAKES_EFFECT_S = 15.0
"""libvirt takes one second a guest on a quiet machine."""


@pytest.fixture(scope="module")
def beside(real: RealCloud) -> Neighbour:
    """A machine on the bridge of the network `lab`, with its last address but one."""
    network = ElementTree.fromstring(real.live.virsh("net-dumpxml", "cumulet"))
    bridge, ip = network.find("bridge"), network.find("ip")
    assert bridge is not None
    assert ip is not None
    prefix = ip.attrib["address"].rpartition(".")[0]
    return make_neighbour(real.host, bridge.attrib["name"], f"{prefix}.253/24")


def test_groups_filter_servers_from_their_first_moment_to_their_last(
    real: RealCloud, beside: Neighbour
) -> None:
    web, friends = make_group(real, "web"), make_group(real, "friends")
    let_in(real, web, port_range_min=8080, port_range_max=8080)
    server_id = real.booted("one", security_groups=[{"name": "web"}])
    server = real.api.server(server_id)
    ip = address(server)
    for port in (8080, 8081, 8082):
        real.guest(server_id).shell(f"httpd -p {port} -h /etc")

    assert server["security_groups"] == [{"name": "web"}]
    assert passing(beside, ip) == {8080}
    assert len(filters(real)) == 1

    # A rule that comes, and goes again, while the guest runs.
    rule = let_in(real, web, port_range_min=8081, port_range_max=8081)
    soon(lambda: passing(beside, ip) == {8080, 8081}, "the new rule")
    ask(real, "DELETE", f"{NETWORK}/security-group-rules/{rule}")
    soon(lambda: passing(beside, ip) == {8080}, "the end of the rule")

    # Members of a group, while they are.
    let_in(real, web, remote_group_id=friends)
    friend_id = real.booted("two", security_groups=[{"name": "default"}])
    friend = real.guest(friend_id)
    script = f"nc -w 2 {ip} 8082 < /dev/null > /dev/null 2>&1 && echo yes || echo no"
    assert friend.shell(script) == "no"
    real.api.act(friend_id, {"addSecurityGroup": {"name": "friends"}})
    soon(lambda: friend.shell(script) == "yes", "the new member")
    assert passing(beside, ip) == {8080}
    real.api.act(friend_id, {"removeSecurityGroup": {"name": "friends"}})
    soon(lambda: friend.shell(script) == "no", "the end of the membership")

    # Suspended and resumed, rebooted, with a libvirtd that was restarted: filtered as before.
    real.api.act(server_id, {"suspend": None})
    real.api.wait_for_status(server_id, "SUSPENDED")
    real.api.act(server_id, {"resume": None})
    real.api.wait_for_status(server_id, "ACTIVE")
    assert passing(beside, ip) == {8080}
    real.host.restart_libvirtd()
    rule = let_in(real, web, port_range_min=8081, port_range_max=8081)
    soon(lambda: passing(beside, ip) == {8080, 8081}, "a rule after libvirtd's restart")

    # A power cut of Cumulet between its answer and libvirt's rules.
    ask(real, "DELETE", f"{NETWORK}/security-group-rules/{rule}")
    real.live.kill()
    real.live.start()
    soon(lambda: passing(beside, ip) == {8080}, "the end of the rule after a power cut")
    real.api.act(server_id, {"reboot": {"type": "HARD"}})
    real.api.wait_for_status(server_id, "ACTIVE")
    real.wait_for_boot(server_id, 2)
    real.guest(server_id).shell("httpd -p 8080 -h /etc && httpd -p 8082 -h /etc")
    assert passing(beside, ip) == {8080}

    # In the default group all passes; in none at all nothing does.
    real.api.act(server_id, {"addSecurityGroup": {"name": "default"}})
    soon(lambda: passing(beside, ip) == {8080, 8082}, "the default group")
    for name in ("default", "web"):
        real.api.act(server_id, {"removeSecurityGroup": {"name": name}})
    soon(lambda: passing(beside, ip) == set(), "the end of all groups")
    assert "security_groups" not in real.api.server(server_id)

    for each in (server_id, friend_id):
        real.delete(each)
    soon(lambda: filters(real) == [], "the end of the filters")
    for group_id in (web, friends):
        ask(real, "DELETE", f"{NETWORK}/security-groups/{group_id}")


def test_a_default_group_that_is_closed_filters_guests_that_run(
    real: RealCloud, beside: Neighbour
) -> None:
    server_id = real.booted("three")
    ip = address(real.api.server(server_id))
    real.guest(server_id).shell("httpd -p 8080 -h /etc")
    groups = ask(real, "GET", f"{NETWORK}/security-groups?name=default")["security_groups"]
    own = next(g for g in groups if g["project_id"] == real.api.server(server_id)["tenant_id"])
    assert passing(beside, ip) == {8080}
    assert filters(real) == []

    for rule in own["security_group_rules"]:
        if rule["direction"] == "ingress":
            ask(real, "DELETE", f"{NETWORK}/security-group-rules/{rule['id']}")
    soon(lambda: passing(beside, ip) == set(), "the closed default group")
    assert len(filters(real)) == 1

    let_in(real, own["id"], protocol=None)
    let_in(real, own["id"], protocol=None, ethertype="IPv6")
    soon(lambda: passing(beside, ip) == {8080}, "the open default group")
    real.delete(server_id)
    soon(lambda: filters(real) == [], "the end of the filter")


def make_group(real: RealCloud, name: str) -> str:
    body = {"name": name, "description": "of a test"}
    made = ask(real, "POST", f"{NETWORK}/security-groups", security_group=body)
    return str(made["security_group"]["id"])


def let_in(real: RealCloud, group_id: str, **fields: Any) -> str:
    rule = {"security_group_id": group_id, "direction": "ingress", "protocol": "tcp", **fields}
    made = ask(real, "POST", f"{NETWORK}/security-group-rules", security_group_rule=rule)
    return str(made["security_group_rule"]["id"])


def ask(real: RealCloud, method: str, path: str, **body: Any) -> Any:
    status, _, answer = real.api.request(method, path, body or None)
    assert status < 300, (status, answer)
    return answer


def address(server: dict[str, Any]) -> str:
    (addresses,) = server["addresses"].values()
    return str(addresses[0]["addr"])


def passing(beside: Neighbour, ip: str) -> set[int]:
    """The guest's ports that the machine beside it reaches."""
    with ThreadPoolExecutor() as pool:
        tried = {port: pool.submit(beside.connects, ip, port) for port in (8080, 8081, 8082)}
        return {port for port, reached in tried.items() if reached.result()}


def filters(real: RealCloud) -> list[str]:
    """The names of the filters that libvirt has."""
    return [line.split()[1] for line in real.live.virsh("nwfilter-list").splitlines() if line]


def soon(condition: Callable[[], bool], what: str) -> None:
    began = time.monotonic()
    wait_for(condition, timeout_s=TAKES_EFFECT_S, what=what)
    print(f"{what}: felt after {time.monotonic() - began:.2f} s")
