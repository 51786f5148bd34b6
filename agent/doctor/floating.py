# SPDX-License-Identifier: Apache-2.0
"""Whether floating IPs can lead to servers here, where the configuration has any."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene
from agent.edge.edge import ENVIRONMENT, PACKAGES
from agent.model.floating import FloatingPool

NAME = "floating IPs"


@dataclass(frozen=True, slots=True)
class FloatingFacts:
    """What there is of them, and what leads them."""

    pool: FloatingPool
    is_routed: bool  # whether guests' network has a way in and out
    missing: tuple[str, ...] = ()  # programs


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    facts = look(scene)
    return judge(facts) if facts else iter(())


def look(scene: Scene) -> FloatingFacts | None:
    """Look for the programs; None without a pool."""
    network = scene.config.network
    if not network.floating_pool or scene.mistakes or not scene.is_for_real:
        return None
    missing = (name for name in PACKAGES if not shutil.which(name, path=ENVIRONMENT["PATH"]))
    return FloatingFacts(
        FloatingPool.parse(network.floating_pool), network.mode == "nat", tuple(missing)
    )


def judge(facts: FloatingFacts) -> Iterator[Finding]:
    """Say whether they lead to servers, and from where."""
    pool = f"{facts.pool.first} to {facts.pool.last}"
    if facts.missing:
        seen = f"{pool} lead nowhere: {' and '.join(facts.missing)} is not here"
        packages = " ".join(PACKAGES[name] for name in facts.missing)
        yield Finding(NAME, Level.PROBLEM, seen, f"`apt-get install {packages}`")
    elif not facts.is_routed:
        seen = f"{pool} can lead to servers, from this host alone: its network is isolated, not nat"
        yield Finding(NAME, Level.NOTE, seen)
    else:
        yield Finding(NAME, Level.OK, f"{pool} can lead to servers")
