# SPDX-License-Identifier: Apache-2.0
"""Take a server away with everything of it, from whatever state it is in.

Each step is harmless when there is nothing to do, so a half-built server goes the same way.
"""

from __future__ import annotations

from agent.workflows import create
from agent.workflows.power import power_off
from agent.workflows.step import Context, Done, Outcome, Step, Workflow


def undefine(context: Context) -> Outcome:
    """Remove the domain with its saved memory."""
    create.undefine(context)
    return Done()


def release(context: Context) -> Outcome:
    """Take the DHCP reservations back, and the filters of its ports."""
    create.release(context)
    for nic in context.server.nics:
        context.tools.firewalls.remove(nic.port_id)
    return Done()


def remove_files(context: Context) -> Outcome:
    """Remove the server's folder."""
    create.remove_files(context)
    return Done()


def remove_shelved(context: Context) -> Outcome:
    """Remove the image that a shelved server's disk was kept in."""
    if context.server.shelved_image_id is not None:
        context.tools.captures.remove(context.server.shelved_image_id)
    return Done()


DELETE: Workflow = (
    Step("power_off", power_off),
    Step("undefine", undefine),
    Step("release", release),
    Step("remove_files", remove_files),
    Step("remove_shelved", remove_shelved),
)
