# SPDX-License-Identifier: Apache-2.0
"""Switch a server on and off.

# Note [The lost button]
A guest that has not booted yet loses an ACPI power button for good, so the button is pressed again
every two seconds until the guest is off or its time is up. Then the plug is pulled.
"""

from __future__ import annotations

from agent.errors import HostFailed
from agent.model.observation import Seen
from agent.workflows.step import Context, Done, Later, Outcome, Step, Workflow

SHUTDOWN_DEADLINE_S = 60.0
PRESS_EVERY_S = 2.0


def drop_saved(context: Context) -> Outcome:
    """Remove a stale memory image: starting from one would bring back the past."""
    context.tools.hypervisor.drop_saved(context.server.id)
    return Done()


def power_on(context: Context) -> Outcome:
    """Switch the domain on, in networks that are there."""
    context.tools.ensure_networks()
    context.tools.hypervisor.start(context.server.id)
    return Done()


def press(context: Context) -> Outcome:
    """Press the power button for the first time: from here on the guest's time counts."""
    hypervisor, server_id = context.tools.hypervisor, context.server.id
    if hypervisor.observe(server_id).seen is Seen.ABSENT:
        raise HostFailed("The server has no domain: its build failed too early. Delete it.")
    hypervisor.shutdown(server_id)
    return Done()


def shut_down(context: Context) -> Outcome:
    """Wait for the guest to go down, pressing again and again, until its time is up."""
    hypervisor, server_id = context.tools.hypervisor, context.server.id
    if not hypervisor.observe(server_id).is_on or context.elapsed_s >= SHUTDOWN_DEADLINE_S:
        return Done()
    if context.elapsed_s >= PRESS_EVERY_S:
        hypervisor.shutdown(server_id)
    return Later(min(PRESS_EVERY_S, SHUTDOWN_DEADLINE_S - context.elapsed_s))


def power_off(context: Context) -> Outcome:
    """Pull the plug on what is still on."""
    context.tools.hypervisor.destroy(context.server.id)
    return Done()


START: Workflow = (Step("drop_saved", drop_saved), Step("power_on", power_on))
STOP: Workflow = (
    Step("press", press),
    Step("shut_down", shut_down),
    Step("power_off", power_off),
)
