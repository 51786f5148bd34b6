# SPDX-License-Identifier: Apache-2.0
"""Whether what the security groups say can be enforced here.

libvirt's filters of traffic are rules of iptables, which sees what passes a bridge only while
`bridge-nf-call-iptables` says so (libvirt's page firewall). The kernel's module br_netfilter comes
with the first of those rules, and switches it on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene

NAME = "security groups"

SWITCHES = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")
FOLDER = "/proc/sys/net/bridge"


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """What libvirt and the kernel can do, and what is wanted of them."""

    has_filters: bool  # libvirt has its driver for them
    filtered: int = 0  # ports of servers whose groups do not let everything pass
    off: tuple[str, ...] = ()  # of `SWITCHES`; those of a module that is not loaded are not


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    facts = look(scene)
    return judge(facts) if facts else iter(())


def look(scene: Scene) -> FilterFacts | None:
    """Read the kernel's switches; None while libvirt or the database says nothing."""
    if scene.survey is None or scene.recorded is None or not scene.is_for_real:
        return None
    states = {name: scene.tree.read(f"{FOLDER}/{name}") for name in SWITCHES}
    return FilterFacts(
        has_filters=scene.survey.has_filters,
        filtered=scene.recorded.filtered,
        off=tuple(name for name, state in states.items() if (state or "1").strip() == "0"),
    )


def judge(facts: FilterFacts) -> Iterator[Finding]:
    """Say whether they are enforced; it is worse where somebody relies on it."""
    level = Level.PROBLEM if facts.filtered else Level.WARNING
    relying = f"; {facts.filtered} ports of servers are to be filtered" if facts.filtered else ""
    if not facts.has_filters:
        seen = f"libvirt has no network filters, so security groups filter nothing{relying}"
        fix = (
            "Install libvirt-daemon-driver-nwfilter (older systems: libvirt-daemon) and restart "
            "libvirtd; with many daemons `systemctl enable --now virtnwfilterd.socket`."
        )
        yield Finding(NAME, level, seen, fix)
    elif facts.off:
        switched = " and ".join(f"net.bridge.{name}" for name in facts.off)
        seen = f"{switched} is 0, so security groups filter nothing between guests{relying}"
        settings = " ".join(f"net.bridge.{name}=1" for name in facts.off)
        fix = (
            f"`sysctl -w {settings}`, and look in /etc/sysctl.conf and /etc/sysctl.d for what "
            "switched it off."
        )
        yield Finding(NAME, level, seen, fix)
    else:
        seen = "libvirt can filter what passes a server's ports"
        filtered = f", and does for {facts.filtered}" if facts.filtered else ""
        yield Finding(NAME, Level.OK, seen + filtered)
