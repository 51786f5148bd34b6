# SPDX-License-Identifier: Apache-2.0
"""Wires the use cases of networks, and how the host leads floating addresses."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network

from agent.belonging import find_lab
from agent.config import Config
from agent.edge import Edge, Imaginary, Inside
from agent.engine.clock import Clock
from agent.engine.engine import Engine
from agent.engine.floating import EdgeOfHost, Floating
from agent.floatingips import FloatingIps
from agent.labnetwork import foreign_routes
from agent.model.floating import external_network
from agent.model.quota import Quota
from agent.networkedits import NetworkEdits
from agent.networking import Networking
from agent.store import Store

CARRIED = "floating_carried"
"""The setting that says whether the host may have something of ours for floating addresses."""


def build_network_edits(
    config: Config, store: Store, clock: Clock, engine: Engine, networking: Networking
) -> NetworkEdits:
    """Wire the use cases of networks that users make."""
    return NetworkEdits(
        store=store,
        networking=networking,
        network_quota=config.quota.networks,
        port_quota=config.quota.ports,
        lab=config.network.libvirt_network,
        allowed=tuple(map(IPv4Network, config.network.project_subnets)),
        taken=foreign_routes,
        pool=config.network.pool,
        rest_s=config.address_rest_s,
        now=clock.now,
        changed=engine.carry_networks,
        filters_changed=engine.carry_filters,
    )


def build_floating_ips(
    config: Config,
    store: Store,
    clock: Clock,
    engine: Engine,
    floating: Floating,
    quota: Quota,
) -> FloatingIps:
    """Wire the use cases of floating addresses, and with them those of networks."""
    pool = config.network.pool
    return FloatingIps(
        store=store,
        networking=Networking(store, external_network(config.installation) if pool else None),
        pool=pool,
        quota=quota,
        is_carried=floating.is_led,
        now=clock.now,
        changed=engine.carry_floating,
    )


def build_floating(config: Config, store: Store) -> Floating:
    """Wire what leads floating addresses on this host."""
    return Floating(store.floating_ips, store.firewalls, _build_edge(config, store))


def build_carrying(config: Config, store: Store, floating: Floating) -> Callable[[], None]:
    """What the engine does for floating addresses: without a pool, it ends what was done for one.

    It is noted before anything is done, so that it is found when the pool is gone.
    """
    was_carried = bool(store.settings.get_setting(CARRIED))
    if config.network.pool is not None:
        if not was_carried:
            store.settings.set_setting(CARRIED, "yes")
        return floating.carry
    if not was_carried:
        return lambda: None

    def end() -> None:
        if store.settings.get_setting(CARRIED):
            floating.edge.remove()
            store.settings.set_setting(CARRIED, "")

    return end


def _build_edge(config: Config, store: Store) -> EdgeOfHost:
    lab = find_lab(store)
    if lab is None or config.is_imaginary:
        return Imaginary()
    inside = Inside(lab.bridge, lab.cidr, is_routed=config.network.carried == "route")
    return Edge(config.installation, inside)
