# SPDX-License-Identifier: Apache-2.0
"""What a server's nics stand on: the networks, and the filters of ports that have firewalls."""

from __future__ import annotations

from agent.workflows.step import Context


def wire(context: Context) -> None:
    """Have both on the host before the domain is defined or started.

    `HostFailed` when libvirt refuses its filters: a server does not start without them. (Whether
    the kernel shows iptables what passes a bridge is for `cumulet doctor` to tell.)
    """
    context.tools.ensure_networks()
    context.tools.firewalls.ensure(context.server.id)
