# SPDX-License-Identifier: Apache-2.0
"""Floating addresses under nat, as the world feels them: namespaces play the world and servers.

libvirt carries a routed network, with its own rules of the packet filter, on a private host whose
only links are to those namespaces: what is routed there ends there. No guest runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.hypervisor.host import Host
from tests.domain_specs import OWNER, make_network
from tests.lab.neighbour import Neighbour, make_neighbour
from tests.lab.private_host import ENVIRONMENT, PrivateHost
from tests.lab.waiting import wait_for
from tests.real import carry_edge

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
PORT, OTHER_PORT, UDP_PORT = 8080, 8081, 7000
BRIDGE = make_network().bridge
FLOATING, ANOTHER = "192.0.2.10", "192.0.2.11"
WEB, DB, WORLD = "10.70.0.21", "10.70.0.22", "192.0.2.7"
HOST_INSIDE, HOST_OUTSIDE = "10.70.0.1", "192.0.2.1"

Lets = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A host between the world and two servers, and what leads floating addresses on it."""

    host: PrivateHost
    carrier: subprocess.Popen[str]
    world: Neighbour
    web: Neighbour
    db: Neighbour

    def carry(self, leads: Mapping[str, str], lets_in: Mapping[str, Lets] | None = None) -> Any:
        """Lead these addresses; what is answered."""
        assert self.carrier.stdin is not None
        assert self.carrier.stdout is not None
        print(
            json.dumps({"leads": leads, "lets_in": lets_in or {}}),
            file=self.carrier.stdin,
            flush=True,
        )
        return json.loads(self.carrier.stdout.readline())

    def has(self, ip: str) -> bool:
        """Whether the host has an address."""
        return f" {ip}/32 " in self.host.inside(["ip", "-4", "address", "show", "lo"]).stdout

    def rules(self) -> str:
        """All tables of ours."""
        tables = self.host.inside(["nft", "list", "tables"]).stdout.splitlines()
        return "\n".join(table for table in tables if "cumulet" in table)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        host = stack.enter_context(PrivateHost.start())
        network = make_network(mode="route")
        libvirt = Host(host.uri, owner=OWNER)
        stack.callback(libvirt.close)
        libvirt.ensure_network(network)
        world = make_neighbour(host, "", f"{WORLD}/24", name="world", gateway=HOST_OUTSIDE)
        host.inside(["ip", "address", "add", f"{HOST_OUTSIDE}/24", "dev", "to-world"])
        web, db = (
            make_neighbour(host, network.bridge, f"{ip}/24", name=name, gateway=HOST_INSIDE)
            for name, ip in (("web", WEB), ("db", DB))
        )
        for each in (world, web, db):
            stack.enter_context(each.telling(PORT))
        carry = [sys.executable, carry_edge.__file__, network.bridge, network.cidr, "routed"]
        carrier = stack.enter_context(
            subprocess.Popen(
                host.enter_argv(carry),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
            )
        )
        stack.callback(carrier.kill)
        yield Scene(host, carrier, world, web, db)


def test_without_an_address_nobody_comes_in_and_servers_come_out(scene: Scene) -> None:
    assert scene.carry({}) == []

    assert scene.world.hears(WEB, PORT) == ""
    assert scene.web.hears(WORLD, PORT) == f"world heard {HOST_OUTSIDE}"
    assert scene.web.hears(DB, PORT) == f"db heard {WEB}"


def test_an_address_leads_the_world_the_host_and_other_servers_to_one_server(scene: Scene) -> None:
    assert scene.carry({FLOATING: WEB}) == [FLOATING]

    assert scene.world.hears(FLOATING, PORT) == f"web heard {WORLD}"
    assert scene.db.hears(FLOATING, PORT) == f"web heard {HOST_INSIDE}"
    hear = ["bash", "-c", f"exec 3<>/dev/tcp/{FLOATING}/{PORT}; cat <&3"]
    assert scene.host.inside(hear).stdout == f"web heard {HOST_INSIDE}"
    assert scene.world.pings(FLOATING)
    assert scene.world.hears(ANOTHER, PORT) == ""
    assert scene.world.hears(WEB, PORT) == ""


def test_a_server_with_an_address_comes_out_with_it(scene: Scene) -> None:
    scene.carry({FLOATING: WEB})

    assert scene.web.hears(WORLD, PORT) == f"world heard {FLOATING}"
    assert scene.db.hears(WORLD, PORT) == f"world heard {HOST_OUTSIDE}"


def test_only_what_its_groups_let_in_comes_to_a_server(scene: Scene) -> None:
    def lets(*passes: tuple[Any, ...]) -> None:
        scene.carry({FLOATING: WEB, ANOTHER: DB}, {WEB: passes})

    lets()
    assert (scene.world.hears(FLOATING, PORT), scene.world.pings(FLOATING)) == ("", False)
    assert scene.world.hears(ANOTHER, PORT) == f"db heard {WORLD}"
    assert scene.web.hears(WORLD, PORT) == f"world heard {FLOATING}"
    lets(("ingress", "IPv4", "tcp", OTHER_PORT, OTHER_PORT))
    assert scene.world.hears(FLOATING, PORT) == ""
    lets(("ingress", "IPv4", "tcp", PORT, OTHER_PORT, "192.0.2.0/28"))
    assert scene.world.hears(FLOATING, PORT) == f"web heard {WORLD}"
    lets(("ingress", "IPv4", "tcp", PORT, PORT, "192.0.2.128/25"))
    assert scene.world.hears(FLOATING, PORT) == ""
    lets(("ingress", "IPv4", "icmp", 8, 0))
    assert (scene.world.hears(FLOATING, PORT), scene.world.pings(FLOATING)) == ("", True)
    lets(("ingress", "IPv4", "", -1, -1, f"{DB}/32"))
    assert scene.world.hears(FLOATING, PORT) == ""
    assert scene.db.hears(FLOATING, PORT) == f"web heard {HOST_INSIDE}"
    lets(("ingress", "IPv4"))
    assert scene.world.hears(FLOATING, PORT) == f"web heard {WORLD}"


def test_an_address_leads_elsewhere_and_nowhere_at_once(scene: Scene) -> None:
    scene.carry({FLOATING: WEB})
    scene.carry({FLOATING: DB})
    assert scene.world.hears(FLOATING, PORT) == f"db heard {WORLD}"

    scene.carry({})
    assert scene.world.hears(FLOATING, PORT) == ""
    assert not scene.has(FLOATING)


def test_a_flow_that_goes_on_follows_the_address(scene: Scene) -> None:
    """The kernel remembers where a flow leads for as long as it goes on: it is to forget that."""
    scene.carry({FLOATING: WEB})
    with (
        scene.web.counting(UDP_PORT) as at_web,
        scene.db.counting(UDP_PORT) as at_db,
        scene.world.flowing(FLOATING, UDP_PORT) as flow,
    ):
        wait_for(lambda: at_web() > 0, timeout_s=10, what="the flow at the first server")
        assert at_db() == 0
        scene.carry({FLOATING: DB})
        wait_for(lambda: at_db() > 0, timeout_s=10, what="the flow at the second server")
        scene.carry({})
        sent, seen = flow(), (at_web(), at_db())
        wait_for(lambda: flow() > sent + 10, timeout_s=10, what="more of the flow")
        assert (at_web(), at_db()) == seen


def test_what_a_server_has_begun_ends_with_its_address(scene: Scene) -> None:
    scene.carry({FLOATING: WEB})
    with scene.world.counting(UDP_PORT) as at_world, scene.web.flowing(WORLD, UDP_PORT):
        wait_for(lambda: at_world(FLOATING) > 0, timeout_s=10, what="the server's flow")
        scene.carry({FLOATING: DB})
        wait_for(lambda: at_world(HOST_OUTSIDE) > 0, timeout_s=10, what="the flow by the host's")
        seen = at_world(FLOATING)
        before = at_world(HOST_OUTSIDE)
        wait_for(lambda: at_world(HOST_OUTSIDE) > before + 5, timeout_s=10, what="more of it")
        assert at_world(FLOATING) == seen


def test_nobody_outside_is_taken_for_a_guest(scene: Scene) -> None:
    scene.host.inside(["ip", "-netns", "world", "address", "add", f"{DB}/32", "dev", "lo"])
    scene.host.inside(["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"])
    scene.host.inside(["sysctl", "-qw", "net.ipv4.conf.to-world.rp_filter=0"])
    scene.carry({FLOATING: WEB}, {WEB: [("ingress", "IPv4", "", -1, -1, f"{DB}/32")]})
    with scene.web.counting(UDP_PORT) as at_web:
        with scene.world.flowing(FLOATING, UDP_PORT, source=DB) as flow:
            wait_for(lambda: flow() > 20, timeout_s=10, what="the flow of a stranger")
        assert at_web() == 0
        with scene.db.flowing(FLOATING, UDP_PORT):
            wait_for(lambda: at_web() > 0, timeout_s=10, what="the guest that is meant")
    scene.host.inside(["ip", "-netns", "world", "address", "delete", f"{DB}/32", "dev", "lo"])


def test_without_its_bridge_an_address_still_ends(scene: Scene) -> None:
    scene.carry({FLOATING: WEB, ANOTHER: DB})
    scene.host.inside(["ip", "link", "set", BRIDGE, "down"])
    scene.host.inside(["ip", "link", "set", BRIDGE, "name", "elsewhere"])
    told = scene.carry({ANOTHER: DB})
    scene.host.inside(["ip", "link", "set", "elsewhere", "name", BRIDGE])
    scene.host.inside(["ip", "link", "set", BRIDGE, "up"])

    assert told == f"There is no bridge {BRIDGE} here, so floating IPs lead nowhere."
    assert (scene.has(FLOATING), scene.has(ANOTHER)) == (False, True)


def test_what_others_take_away_comes_back(scene: Scene) -> None:
    scene.carry({FLOATING: WEB})
    scene.host.inside(["nft", "flush", "table", "ip", scene.rules().split()[-1]])
    scene.host.inside(["ip", "address", "flush", "dev", "lo", "label", "lo:cml*"])
    assert scene.world.hears(FLOATING, PORT) == ""

    scene.carry({FLOATING: WEB})
    assert scene.world.hears(FLOATING, PORT) == f"web heard {WORLD}"


def test_the_hosts_own_address_is_left_to_it(scene: Scene) -> None:
    assert scene.carry({HOST_OUTSIDE: WEB, FLOATING: DB}) == [FLOATING]

    assert scene.world.hears(HOST_OUTSIDE, PORT) == ""
    assert scene.world.hears(FLOATING, PORT) == f"db heard {WORLD}"
    scene.carry({})
    assert scene.world.pings(HOST_OUTSIDE)


def test_nothing_is_left_at_the_end(scene: Scene) -> None:
    scene.carry({FLOATING: WEB})
    assert scene.rules()
    assert scene.carrier.stdin is not None
    scene.carrier.stdin.close()
    assert scene.carrier.wait(30) == 0

    assert scene.rules() == ""
    assert not scene.has(FLOATING)
    assert scene.world.hears(FLOATING, PORT) == ""
