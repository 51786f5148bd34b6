# SPDX-License-Identifier: Apache-2.0
"""Give a server one network interface more, or take one away, while its guest runs or is off.

The port is the server's from the request on, so that its row says at any moment what the domain is
to have: whatever regenerates the domain meanwhile regenerates it right. What is stored of the
domain is defined anew; what runs is plugged and unplugged. A guest lets go of a nic in its own
time: it is asked again until it has, or its time is up.
"""

from __future__ import annotations

from dataclasses import replace

from agent.errors import HostFailed
from agent.hypervisor.base import Reservation
from agent.model.server import Nic, Server
from agent.workflows.create import domain_spec
from agent.workflows.step import Context, Done, Later, Outcome, Step, Workflow
from agent.workflows.wiring import wire

PORT = "port_id"
RELEASE_DEADLINE_S = 40.0
ASK_EVERY_S = 1.0


def reserve(context: Context) -> Outcome:
    """Let DHCP give the new nic its address, in a network and with a filter that are there."""
    nic = _find_nic(context)
    wire(context)
    if nic is not None and nic.network.dhcp:
        context.tools.hypervisor.reserve(nic.network.libvirt_name, Reservation(nic.mac, nic.ip))
    return Done()


def give_back(context: Context) -> None:
    """Take the DHCP reservation back, then the port from the server."""
    nic = _find_nic(context)
    if nic is None:
        return
    if nic.network.dhcp:
        context.tools.hypervisor.release(nic.network.libvirt_name, nic.mac)
    context.tools.drop_port(context.server.id, nic.port_id)


def plug(context: Context) -> Outcome:
    """Store the domain with the nic, and plug it into a guest that runs."""
    hypervisor, server = context.tools.hypervisor, context.server
    hypervisor.define(domain_spec(server, context.tools.layout))
    nic = _find_nic(context)
    if nic is not None and server.hardware is not None:
        hypervisor.plug_nic(server.id, nic, server.hardware)
    return Done()


def pull_out(context: Context) -> None:
    """Store the domain without the nic, and ask a guest that runs to let go of it."""
    nic = _find_nic(context)
    if nic is None:
        return
    hypervisor, server = context.tools.hypervisor, context.server
    hypervisor.define(domain_spec(_without(server, nic), context.tools.layout))
    hypervisor.unplug_nic(server.id, nic.mac)


def forget(context: Context) -> Outcome:
    """Store the domain without the nic."""
    nic = _find_nic(context)
    if nic is not None:
        spec = domain_spec(_without(context.server, nic), context.tools.layout)
        context.tools.hypervisor.define(spec)
    return Done()


def remember(context: Context) -> None:
    """Store the domain with the nic again: the guest has not let go of it."""
    context.tools.hypervisor.define(domain_spec(context.server, context.tools.layout))


def unplug(context: Context) -> Outcome:
    """Ask the guest until it has let go of the nic; `HostFailed` when it does not in its time."""
    nic = _find_nic(context)
    if nic is None or context.tools.hypervisor.unplug_nic(context.server.id, nic.mac):
        return Done()
    if context.elapsed_s >= RELEASE_DEADLINE_S:
        raise HostFailed(
            f"The guest did not let go of interface {nic.port_id} within "
            f"{RELEASE_DEADLINE_S:.0f} seconds: it has not booted, is paused, or knows no "
            "hot-plugging. Stop the server, and detach it then."
        )
    return Later(ASK_EVERY_S)


def release(context: Context) -> Outcome:
    """Take the DHCP reservation back, then the port from the server."""
    give_back(context)
    return Done()


def _find_nic(context: Context) -> Nic | None:
    """The nic that the task is about; None when it is not the server's any more."""
    port_id = context.task.args.get(PORT)
    return next((nic for nic in context.server.nics if nic.port_id == port_id), None)


def _without(server: Server, nic: Nic) -> Server:
    return replace(server, nics=tuple(other for other in server.nics if other is not nic))


ATTACH: Workflow = (Step("reserve", reserve, give_back), Step("plug", plug, pull_out))
DETACH: Workflow = (
    Step("forget", forget, remember),
    Step("unplug", unplug),
    Step("release", release),
)
