# SPDX-License-Identifier: Apache-2.0
"""Whether port 53 is free for libvirt's dnsmasq on our bridge.

A server that takes what comes to all addresses keeps libvirt's from starting, and the network with
it. systemd-resolved's stub has an address of its own, 127.0.0.53, and harms nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.doctor.finding import Finding, Level
from agent.doctor.listeners import find_holder, list_listeners
from agent.doctor.scene import Scene

NAME = "DNS port"

PORT = 53

FIXES = {
    "dnsmasq": (
        "Write `bind-interfaces` and `except-interface={bridge}` into "
        "/etc/dnsmasq.d/cumulet.conf, then restart dnsmasq."
    ),
    "named": (
        "Write `listen-on {{ 127.0.0.1; }};` and `listen-on-v6 {{ ::1; }};` (and the addresses "
        "that it is to serve) into the options of named, then restart it."
    ),
    "unbound": (
        "Write `interface: 127.0.0.1` (and the addresses that it is to serve) and "
        "`interface-automatic: no` into unbound's configuration, then restart it."
    ),
    "systemd-resolve": (
        "Take 0.0.0.0 and :: out of `DNSStubListenerExtra` in /etc/systemd/resolved.conf, then "
        "restart systemd-resolved."
    ),
}
"""What to do, by the beginning of the process's name (of which the kernel keeps 15 characters)."""

OTHER = "Let it listen at certain addresses only, not at all, nor at {gateway}; then restart it."


@dataclass(frozen=True, slots=True)
class NameServer:
    """Somebody who listens at port 53."""

    holder: str  # "named (process 7)", or "" when it can't be told
    address: str
    is_for_all: bool


@dataclass(frozen=True, slots=True)
class PortFacts:
    """Who has the port, and whether libvirt's own is there already."""

    gateway: str  # where libvirt's dnsmasq is to listen; "" before init
    bridge: str
    servers: tuple[NameServer, ...] = ()
    is_running: bool = False  # the network, and its dnsmasq with it


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    return judge(look(scene)) if scene.is_for_real else iter(())


def look(scene: Scene) -> PortFacts:
    """List who listens at port 53."""
    lab = scene.lab
    found = {
        (find_holder(scene.tree, each.inode) or "", each.address, each.is_for_all)
        for each in list_listeners(scene.tree, PORT)
    }
    networks = scene.survey.networks if scene.survey else ()
    return PortFacts(
        gateway=lab.gateway if lab else "",
        bridge=lab.bridge if lab else scene.config.network.bridge,
        servers=tuple(NameServer(*each) for each in sorted(found)),
        is_running=lab is not None and any(n.name == lab.name and n.is_active for n in networks),
    )


def judge(facts: PortFacts) -> Iterator[Finding]:
    """Say who is in the way."""
    in_the_way: dict[str, list[str]] = {}
    for server in facts.servers:
        # At our own address, which is there only with our bridge, dnsmasq is libvirt's.
        is_libvirts = server.holder.startswith("dnsmasq")
        if server.is_for_all or (server.address == facts.gateway and not is_libvirts):
            in_the_way.setdefault(server.holder, []).append(server.address)
    for holder, addresses in in_the_way.items():
        who = holder or "a process that can't be seen from here"
        seen = f"{who} listens at port 53 of {' and '.join(addresses)}"
        fix = next((fix for name, fix in FIXES.items() if holder.startswith(name)), OTHER)
        fix = fix.format(bridge=facts.bridge, gateway=facts.gateway or "our bridge's")
        if facts.is_running:
            seen += "; our network runs, but would not start again"
            yield Finding(NAME, Level.WARNING, seen, fix)
        else:
            seen += ", which keeps libvirt's dnsmasq and our network from starting"
            yield Finding(NAME, Level.PROBLEM, seen, fix)
    if not in_the_way:
        yield Finding(NAME, Level.OK, "no other name server is in libvirt's way")
