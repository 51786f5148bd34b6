# SPDX-License-Identifier: Apache-2.0
"""Makes libvirt carry just the networks that are recorded.

A project's network that libvirt refuses (its addresses are taken on the host, say) must not keep
other projects' servers from being built: it is told in the log, and tried again with each sweep.
The shared networks are everybody's, so what is wrong with one of them stops what needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from agent.errors import HostFailed
from agent.hypervisor.base import Hypervisor, NetworkSpec

Networks = Callable[[], Sequence[NetworkSpec]]
"""Reads those that are recorded."""

log = logging.getLogger(__name__)


def carry(hypervisor: Hypervisor, networks: Networks) -> None:
    """Let libvirt have the recorded networks, and of ours no others; `AgentError` of a shared one.

    Leftovers go first: a new network may have the addresses of one that was just deleted.
    """
    _reap(hypervisor, networks)
    for network in networks():
        try:
            hypervisor.ensure_network(network)
        except HostFailed as error:
            if not network.is_private:
                raise
            log.warning("network %s is not there: %s", network.name, error.message)


def _reap(hypervisor: Hypervisor, networks: Networks) -> None:
    """Remove networks of ours that no row is there for, or that have other addresses than it says.

    In this order: a network is recorded before it is made, so what was seen and has no row is a
    leftover.
    """
    found = hypervisor.list_private_networks()
    if not found:
        return
    wanted = {network.uuid: network.gateway for network in networks()}
    for uuid, address in found.items():
        if wanted.get(uuid) != address:
            log.info("removing network %s, which is not recorded (any more)", uuid)
            hypervisor.remove_network(uuid)
