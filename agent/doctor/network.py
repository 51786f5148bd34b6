# SPDX-License-Identifier: Apache-2.0
"""Whether libvirt carries our network, with its bridge, and nothing else has its addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.belonging import MODES
from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene
from agent.hypervisor.base import FoundNetwork, NetworkSpec
from agent.labnetwork import list_routes

NAME = "network"

FORWARD = "/proc/sys/net/ipv4/ip_forward"
MADE = "`cumulet serve` makes it when it starts, and so does `cumulet doctor --fix`."


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What is to be there, what libvirt has, and what the kernel has."""

    lab: NetworkSpec
    found: FoundNetwork | None  # libvirt's network of that name
    is_known: bool = True  # libvirt has said what it has
    routes: tuple[tuple[str, str], ...] = ()  # interface and destination, default routes left out
    addresses: frozenset[str] = frozenset()  # the host's own
    forwards: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether libvirt's network is the one that we made."""
        wanted = (self.lab.gateway, self.lab.bridge)
        return self.found is not None and (self.found.address, self.found.bridge) == wanted


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    facts = look(scene)
    return judge(facts) if facts else iter(())


def look(scene: Scene) -> NetworkFacts | None:
    """Read the kernel's tables; None while no network is recorded."""
    lab, survey = scene.lab, scene.survey
    if lab is None or not scene.is_for_real:
        return None
    networks = survey.networks if survey else ()
    return NetworkFacts(
        lab=lab,
        found=next((network for network in networks if network.name == lab.name), None),
        is_known=survey is not None,
        routes=tuple(
            (interface, str(ipaddress.IPv4Network(destination, strict=False)))
            for interface, destination in list_routes(scene.tree.read("/proc/net/route") or "")
        ),
        addresses=frozenset(_local_addresses(scene.tree.read("/proc/net/fib_trie") or "")),
        forwards=(scene.tree.read(FORWARD) or "1").strip() == "1",
    )


def judge(facts: NetworkFacts) -> Iterator[Finding]:
    """Say what is wrong with it."""
    wrong = [*_judge_libvirt(facts), *_judge_routes(facts)]
    if facts.lab.mode != "isolated" and not facts.forwards:
        seen = "the kernel forwards no packets, so servers don't reach the outside (mode nat)"
        fix = (
            "`sysctl -w net.ipv4.ip_forward=1`, and look in /etc/sysctl.conf and /etc/sysctl.d "
            "for what switched it off."
        )
        wrong.append(Finding(NAME, Level.PROBLEM, seen, fix))
    yield from wrong
    if facts.is_known and not wrong:
        lab = facts.lab
        seen = f"{lab.name!r} carries {lab.cidr} on bridge {lab.bridge}, {MODES[lab.mode]}"
        yield Finding(NAME, Level.OK, seen)


def _judge_libvirt(facts: NetworkFacts) -> Iterator[Finding]:
    lab, found = facts.lab, facts.found
    if not facts.is_known:
        seen = f"{lab.name!r} was not looked at, for libvirt does not answer"
        yield Finding(NAME, Level.NOTE, seen)
    elif found is None:
        yield Finding(NAME, Level.PROBLEM, f"libvirt has no network {lab.name!r}", MADE)
    elif not facts.is_ours:
        has = f"{found.address or 'no address'} on bridge {found.bridge or 'none'}"
        seen = f"libvirt's network {lab.name!r} is not ours: it has {has}"
        seen += f", not {lab.gateway} on {lab.bridge}"
        fix = f"Whoever made it must give it another name; then `virsh net-undefine {lab.name}`."
        yield Finding(NAME, Level.PROBLEM, seen, fix)
    elif not found.is_active:
        seen = f"libvirt's network {lab.name!r} does not run"
        fix = f"`virsh net-start {lab.name}` starts it, or says why it can't. {MADE}"
        yield Finding(NAME, Level.PROBLEM, seen, fix)
    else:
        yield from _judge_running(facts, found)


def _judge_running(facts: NetworkFacts, found: FoundNetwork) -> Iterator[Finding]:
    lab = facts.lab
    if not found.is_autostarted:
        seen = f"libvirt's network {lab.name!r} would not start with the host"
        yield Finding(NAME, Level.WARNING, seen, f"`virsh net-autostart {lab.name}`")
    cidr = str(ipaddress.IPv4Network(lab.cidr))
    if lab.gateway not in facts.addresses or (lab.bridge, cidr) not in facts.routes:
        seen = f"libvirt's network {lab.name!r} runs, but bridge {lab.bridge} lacks {lab.gateway}"
        fix = (
            f"`virsh net-destroy {lab.name} && virsh net-start {lab.name}`; servers that run "
            "are off the network until they are rebooted (hard)."
        )
        yield Finding(NAME, Level.PROBLEM, seen, fix)


def _judge_routes(facts: NetworkFacts) -> Iterator[Finding]:
    ours = ipaddress.IPv4Network(facts.lab.cidr)
    for interface, destination in facts.routes:
        other = ipaddress.IPv4Network(destination)
        if interface == facts.lab.bridge or not ours.overlaps(other):
            continue
        seen = f"the host's route to {other} by {interface} collides with {ours} of our network"
        if other.prefixlen >= ours.prefixlen:
            fix = f"Give that network other addresses, or remove it: `ip route show {other}`."
            yield Finding(NAME, Level.PROBLEM, seen, fix)
        else:
            fix = f"The host can't reach addresses within {ours} there; move one of the two."
            yield Finding(NAME, Level.WARNING, seen, fix)


def _local_addresses(trie: str) -> set[str]:
    """The host's own IPv4 addresses, out of /proc/net/fib_trie."""
    return set(re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", trie))
