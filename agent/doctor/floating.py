# SPDX-License-Identifier: Apache-2.0
"""Whether floating IPs can lead to servers here, where the configuration has any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene
from agent.edge import PACKAGES, missing_programs
from agent.model.floating import FloatingPool

NAME = "floating IPs"

ARP = "/proc/sys/net/ipv4/conf/all/arp_ignore"


@dataclass(frozen=True, slots=True)
class FloatingFacts:
    """What there is of them, and what leads them."""

    pool: FloatingPool
    is_routed: bool  # whether guests' network has a way in and out
    missing: tuple[str, ...] = ()  # programs
    is_silent: bool = False  # the kernel does not answer ARP for addresses of other links


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    facts = look(scene)
    return judge(facts) if facts else iter(())


def look(scene: Scene) -> FloatingFacts | None:
    """Look for the programs; None without a pool."""
    network = scene.config.network
    if scene.mistakes or network.pool is None or not scene.is_for_real:
        return None
    return FloatingFacts(
        pool=network.pool,
        is_routed=network.mode == "nat",
        missing=missing_programs(),
        is_silent=(scene.tree.read(ARP) or "0").strip() != "0",
    )


def judge(facts: FloatingFacts) -> Iterator[Finding]:
    """Say whether they lead to servers, and from where."""
    pool = f"{facts.pool.first} to {facts.pool.last}"
    if facts.missing:
        seen = f"{pool} lead nowhere without {' and '.join(facts.missing)}"
        packages = " ".join(PACKAGES[name] for name in facts.missing)
        yield Finding(NAME, Level.PROBLEM, seen, f"`apt-get install {packages}`")
    elif facts.is_routed and facts.is_silent:
        seen = f"the kernel answers nobody who looks for {pool}: they are addresses of `lo`"
        fix = (
            "`sysctl -w net.ipv4.conf.all.arp_ignore=0`, and look in /etc/sysctl.conf and "
            "/etc/sysctl.d for what set it."
        )
        yield Finding(NAME, Level.PROBLEM, seen, fix)
    elif not facts.is_routed:
        seen = f"{pool} can lead to servers, from this host alone: its network is isolated, not nat"
        yield Finding(NAME, Level.NOTE, seen)
    else:
        yield Finding(NAME, Level.OK, f"{pool} can lead to servers")
