# SPDX-License-Identifier: Apache-2.0
"""Wires the use cases of hosts: the composition root's part for those who look after them."""

from __future__ import annotations

from agent import disks, machine
from agent.config import Config, split_listen
from agent.engine.clock import Clock
from agent.engine.engine import Engine
from agent.hosts import Hosts
from agent.offers import Offers
from agent.store import Store
from agent.uptime import uptime_line


def build_hosts(
    config: Config, store: Store, clock: Clock, engine: Engine, offers: Offers
) -> Hosts:
    """Wire the use cases of hosts."""
    return Hosts(
        store=store,
        own=offers,
        default_zone=config.availability_zone,
        reserved_ram_mb=config.capacity.reserved_ram_mb,
        address=machine.own_address(split_listen(config.listen)[0]),
        reachability=engine.reachability,
        disk_room=lambda: disks.find_room(config.state_dir),
        uptime=uptime_line,
        now=clock.now,
    )
