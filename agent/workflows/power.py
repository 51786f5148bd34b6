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
from agent.workflows.wiring import wire

SHUTDOWN_DEADLINE_S = 60.0
PRESS_EVERY_S = 2.0


def drop_saved(context: Context) -> Outcome:
    """Remove a stale memory image: starting from one would bring back the past."""
    context.tools.hypervisor.drop_saved(context.server.id)
    return Done()


def power_on(context: Context) -> Outcome:
    """Switch the domain on, in networks that are there."""
    wire(context)
    context.tools.hypervisor.start(context.server.id)
    return Done()


def press(context: Context) -> Outcome:
    """Press the power button for the first time: from here on the guest's time counts.

    The id that the domain has now tells later whether the guest is still the same one.
    """
    hypervisor, server_id = context.tools.hypervisor, context.server.id
    observed = hypervisor.observe(server_id)
    if observed.is_on:
        hypervisor.shutdown(server_id)
    return Done(result={"domain_id": observed.domain_id or 0})


def press_to_stop(context: Context) -> Outcome:
    """Press the power button; `HostFailed` when there is no domain that could be off."""
    if context.tools.hypervisor.observe(context.server.id).seen is Seen.ABSENT:
        raise HostFailed(
            "The server has no domain: its build failed too early, or somebody has undefined it. "
            "A hard reboot brings it back if its disk is there; else rebuild or delete it."
        )
    return press(context)


def wait_until_off(context: Context, deadline_s: float) -> Outcome:
    """Wait for the guest to go down, pressing again and again, until its time is up.

    `forced` in the result says that it was up, or that there is no domain any more. A guest that
    is on under another id went down and was started by somebody else.
    """
    hypervisor, server_id = context.tools.hypervisor, context.server.id
    observed = hypervisor.observe(server_id)
    if observed.seen is Seen.ABSENT:
        return Done(result={"forced": 1})
    if not observed.is_on or observed.domain_id != context.result_of("press").get("domain_id"):
        return Done(result={"forced": 0})
    if context.elapsed_s >= deadline_s:
        return Done(result={"forced": 1})
    if context.elapsed_s >= PRESS_EVERY_S:
        hypervisor.shutdown(server_id)
    return Later(min(PRESS_EVERY_S, deadline_s - context.elapsed_s))


def shut_down(context: Context) -> Outcome:
    """Give the guest a minute to go down by itself."""
    return wait_until_off(context, SHUTDOWN_DEADLINE_S)


def power_off(context: Context) -> Outcome:
    """Pull the plug on what is still on."""
    context.tools.hypervisor.destroy(context.server.id)
    return Done()


START: Workflow = (Step("drop_saved", drop_saved), Step("power_on", power_on))
STOP: Workflow = (
    Step("press", press_to_stop),
    Step("shut_down", shut_down),
    Step("power_off", power_off),
)
