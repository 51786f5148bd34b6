# SPDX-License-Identifier: Apache-2.0
"""What passes a filtered port, tried on a real guest from a machine beside it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest

from agent.hypervisor.base import DomainSpec
from agent.hypervisor.host import Host
from agent.model.firewall import EVERYTHING, Firewall, Pass
from agent.model.securitygroup import EGRESS, FILTERED, INGRESS, IPV4, IPV6
from agent.model.server import Nic
from tests.domain_specs import OWNER, make_network, make_nic, reservation_of
from tests.lab.commands import CommandError
from tests.lab.guest_agent import GuestAgent
from tests.lab.neighbour import Neighbour, make_neighbour
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for
from tests.real.specs import tiny_spec

pytestmark = pytest.mark.real

NEIGHBOUR = "10.70.0.200"
LOCAL = "fe80::f816:3eff:fe00:1"  # the guest's, made of its MAC
SERVED = 9000  # by the neighbour

TCP, OTHER_TCP, UDP, PING, PING6 = "tcp 8080", "tcp 8081", "udp 7000", "ping", "ping6"
OUT, PING_OUT = f"out to tcp {SERVED}", "ping out"
INTO = {TCP, OTHER_TCP, UDP, PING, PING6}
ALL = {*INTO, OUT, PING_OUT}

ALL_OUT = (Pass(EGRESS, IPV4), Pass(EGRESS, IPV6))

CASES: dict[str, tuple[tuple[Pass, ...], set[str]]] = {
    "nothing": ((), set()),
    "all out": (ALL_OUT, {OUT, PING_OUT}),
    "one port": ((*ALL_OUT, Pass(INGRESS, IPV4, "tcp", 8080, 8080)), {TCP, OUT, PING_OUT}),
    "ports alone": ((Pass(INGRESS, IPV4, "tcp", 8000, 8081),), {TCP, OTHER_TCP}),
    "datagrams": ((Pass(INGRESS, IPV4, "udp", 7000, 7001),), {UDP}),
    "ICMP": ((Pass(INGRESS, IPV4, "icmp"),), {PING}),
    "a type of ICMP": ((Pass(INGRESS, IPV4, "icmp", 8, 0),), {PING}),
    "another type of ICMP": ((Pass(INGRESS, IPV4, "icmp", 13),), set()),
    "ICMP of IPv6": ((Pass(INGRESS, IPV6, "ipv6-icmp"),), {PING6}),
    "who is meant": ((Pass(INGRESS, IPV4, remote="10.70.0.192/26"),), {TCP, OTHER_TCP, UDP, PING}),
    "who is not": ((Pass(INGRESS, IPV4, "tcp", 8080, 8080, "10.70.0.0/26"),), set()),
    "one port out": ((Pass(EGRESS, IPV4, "tcp", SERVED, SERVED),), {OUT}),
    "a type of ICMP out": ((Pass(EGRESS, IPV4, "icmp", 8),), {PING_OUT}),
    "each protocol": (
        tuple(
            Pass(direction, ethertype, protocol)
            for direction in (INGRESS, EGRESS)
            for protocol, ethertypes in FILTERED.items()
            for ethertype in ethertypes
        ),
        ALL,
    ),
    "everything": (EVERYTHING, ALL),
}


@dataclass(frozen=True, slots=True)
class Street:
    """A guest with one port, and who lives beside it."""

    machine: PrivateHost
    host: Host
    spec: DomainSpec
    nic: Nic
    guest: GuestAgent
    neighbour: Neighbour

    def wall(self, *passes: Pass) -> None:
        self.host.filters.ensure(
            Firewall(self.nic.port_id, self.spec.server_id, self.nic.mac, tuple(sorted(passes)))
        )

    def passing(self) -> set[str]:
        """What passes right now."""
        ip, beside = self.nic.ip, self.neighbour
        tries: dict[str, Callable[[], bool]] = {
            TCP: lambda: beside.connects(ip, 8080),
            OTHER_TCP: lambda: beside.connects(ip, 8081),
            UDP: lambda: beside.sends(ip, 7000),
            PING: lambda: beside.pings(ip),
            PING6: lambda: beside.pings(f"{LOCAL}%eth0"),
            OUT: lambda: self._runs(f"nc -w 2 {NEIGHBOUR} {SERVED} < /dev/null"),
            PING_OUT: lambda: self._runs(f"ping -c1 -W2 {NEIGHBOUR}"),
        }
        with ThreadPoolExecutor(len(tries)) as pool:  # most of it is waiting for what never comes
            tried = {what: pool.submit(passes) for what, passes in tries.items()}
            return {what for what, passed in tried.items() if passed.result()}

    def named(self, *options: str) -> list[str | None]:
        """The filters that the domain's nics name."""
        return filters_of(self.machine.virsh("dumpxml", *options, self.spec.server_id))

    def _runs(self, script: str) -> bool:
        return self.guest.shell(f"{script} > /dev/null 2>&1 && echo yes || echo no") == "yes"


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with PrivateHost.start() as machine:
        host = Host(machine.uri, owner=OWNER, virt_type="qemu")
        host.ensure_network(make_network())
        nic = make_nic(1, port_id=str(uuid.uuid4()))
        host.reserve(nic.network.libvirt_name, reservation_of(nic))
        spec = tiny_spec(machine, host.resolve_hardware({}), nics=(nic,))
        host.define(spec)
        host.start(spec.server_id)
        neighbour = make_neighbour(machine, nic.network.bridge, f"{NEIGHBOUR}/24")
        guest = GuestAgent(machine, spec.server_id)
        wait_until_up(guest, nic)
        with neighbour.serving(SERVED):
            yield Street(machine, host, spec, nic, guest, neighbour)
        host.close()


def wait_until_up(guest: GuestAgent, nic: Nic) -> None:
    """Wait for the guest's addresses, and have it listen.

    Its DHCP client begins by taking all addresses away, the link-local one too if that was there.
    """

    def look() -> bool:
        try:
            shown = guest.shell("ip address show dev eth0")
        except CommandError:  # no agent yet
            return False
        if nic.ip not in shown:
            return False
        if LOCAL not in shown:
            # The kernel may be about to give it by itself: the next look tells.
            guest.run("ip", "address", "add", f"{LOCAL}/64", "dev", "eth0")
            return False
        return "tentative" not in shown

    wait_for(look, timeout_s=180, what="the guest's addresses")
    guest.shell("httpd -p 8080 -h /etc && httpd -p 8081 -h /etc")


def filters_of(domain_xml: str) -> list[str | None]:
    root = ElementTree.fromstring(domain_xml)
    return [each.get("filter") for each in root.iterfind("devices/interface/filterref")]


def test_no_filter_and_all_passes(street: Street) -> None:
    street.wall(*EVERYTHING)

    assert street.host.filters.list_ports() == set()
    assert street.named() == street.named("--inactive") == []
    assert street.passing() == ALL


@pytest.mark.parametrize("case", CASES)
def test_just_what_is_let_passes_a_running_guest(street: Street, case: str) -> None:
    passes, passing = CASES[case]

    street.wall(*passes)

    assert street.passing() == passing


def test_a_guest_gets_its_address_through_any_filter(street: Street) -> None:
    street.wall()

    street.guest.shell("udhcpc -i eth0 -f -n -q -t 5 -T 1 -s /bin/true")


def test_a_connection_ends_with_the_rule_that_let_it(street: Street) -> None:
    street.wall(Pass(INGRESS, IPV4, "tcp", 7777, 7777))
    street.guest.start("nc -l -p 7777 > /tmp/heard")
    with street.neighbour.connected(street.nic.ip, 7777) as send:
        send("first")
        wait_for(
            lambda: street.guest.shell("cat /tmp/heard") == "first",
            timeout_s=10,
            what="what the neighbour sent",
        )
        street.wall(Pass(INGRESS, IPV4, "tcp", 7778, 7778))
        send("second")

        # TCP sends it again and again meanwhile.
        assert not street.neighbour.connects(street.nic.ip, 7777)
        assert street.guest.shell("cat /tmp/heard") == "first"

        street.wall(Pass(INGRESS, IPV4, "tcp", 7777, 7777))
        wait_for(
            lambda: street.guest.shell("cat /tmp/heard") == "firstsecond",
            timeout_s=30,
            what="what was held back",
        )


def test_a_filter_is_there_from_a_guests_first_moment_and_stays_while_it_is_used(
    street: Street,
) -> None:
    host, name = street.host, f"cumulet.{OWNER}.{street.nic.port_id}"
    street.wall(*ALL_OUT)

    host.destroy(street.spec.server_id)
    host.define(street.spec)
    host.start(street.spec.server_id)
    street.host.filters.remove(street.nic.port_id)

    assert street.named() == street.named("--inactive") == [name]
    assert host.filters.list_ports() == {street.nic.port_id}
    wait_until_up(street.guest, street.nic)
    assert street.passing() == {OUT, PING_OUT}


def test_a_guest_that_was_saved_before_wakes_filtered(street: Street) -> None:
    host, server_id = street.host, street.spec.server_id
    name = f"cumulet.{OWNER}.{street.nic.port_id}"
    host.destroy(server_id)
    host.undefine(server_id)
    host.filters.remove(street.nic.port_id)
    assert host.filters.list_ports() == set()
    host.define(street.spec)
    host.start(server_id)
    wait_until_up(street.guest, street.nic)
    assert street.named() == []
    host.save(server_id)

    street.wall(*ALL_OUT)
    assert filters_of(street.machine.virsh("managedsave-dumpxml", server_id)) == [name]
    host.start(server_id)

    assert street.named() == street.named("--inactive") == [name]
    assert street.passing() == {OUT, PING_OUT}


def test_what_was_done_past_us_is_mended(street: Street) -> None:
    machine, server_id = street.machine, street.spec.server_id
    name = f"cumulet.{OWNER}.{street.nic.port_id}"
    street.wall(*ALL_OUT)

    # Another hand has taken the filter from the running guest and from the stored domain,
    interface = machine.folder / "interface.xml"
    nic = ElementTree.fromstring(machine.virsh("dumpxml", server_id)).find("devices/interface")
    assert nic is not None
    for each in nic.findall("filterref"):
        nic.remove(each)
    interface.write_bytes(ElementTree.tostring(nic))
    machine.virsh("update-device", server_id, str(interface), "--live", "--config")
    assert street.named() == street.named("--inactive") == []
    street.wall(*ALL_OUT)
    assert street.named() == street.named("--inactive") == [name]

    # has opened it,
    opened = machine.folder / "filter.xml"
    opened.write_text(f"<filter name='{name}'><uuid>{street.nic.port_id}</uuid></filter>")
    machine.virsh("nwfilter-define", str(opened))
    street.wall(*ALL_OUT)
    assert street.passing() == {OUT, PING_OUT}

    # or has removed it, while the guest was off.
    street.host.destroy(server_id)
    machine.virsh("nwfilter-undefine", name)
    street.wall(*ALL_OUT)
    street.host.define(street.spec)
    street.host.start(server_id)
    assert street.named() == street.named("--inactive") == [name]


def test_what_others_filter_is_left_alone(street: Street) -> None:
    street.wall()
    other = Host(street.machine.uri, owner="they", virt_type="qemu")

    assert other.filters.list_ports() == set()
    other.filters.remove(street.nic.port_id)

    assert street.host.filters.list_ports() == {street.nic.port_id}
    other.close()
