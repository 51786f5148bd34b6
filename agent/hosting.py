# SPDX-License-Identifier: Apache-2.0
"""Wires the host of a configuration: what serves, sets up and examines all have the same one."""

from __future__ import annotations

from agent import __version__
from agent.config import Config
from agent.hypervisor.host import Host


def build_host(config: Config) -> Host:
    """Wire the host, without opening its libvirt."""
    return Host(
        config.libvirt_uri,
        owner=config.installation,
        version=__version__,
        virt_type=config.virt_type,
    )
