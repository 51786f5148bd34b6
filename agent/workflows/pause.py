# SPDX-License-Identifier: Apache-2.0
"""Stop a guest for a while: its CPUs only (pause), or with its memory on the host's disk (suspend).

A suspended guest holds no memory of the host. It goes on where it was, and its clock is set.
"""

from __future__ import annotations

from agent.errors import HostFailed
from agent.model.change import ServerChange
from agent.model.observation import Seen
from agent.model.states import PowerState, VmState
from agent.workflows.step import Context, Done, Later, Outcome, Step, Workflow
from agent.workflows.wiring import wire

LOOK_EVERY_S = 0.5

RUNS_AGAIN = ServerChange(vm_state=VmState.ACTIVE, power_state=PowerState.RUNNING)
"""Shown as soon as it is so: its agent may take seconds to answer."""


def pause(context: Context) -> Outcome:
    """Stop the CPUs."""
    context.tools.hypervisor.pause(context.server.id)
    return Done()


def unpause(context: Context) -> Outcome:
    """Let the CPUs go on."""
    context.tools.hypervisor.unpause(context.server.id)
    return Done()


def check_room(context: Context) -> Outcome:
    """Refuse, with the numbers, what the host's disk could not take."""
    context.tools.disks.check_save_room(context.server)
    return Done()


def save(context: Context) -> Outcome:
    """Save the memory; a save that a killed agent began is waited for.

    One that was cut off with its host is no save: the guest is off, and has been.
    """
    hypervisor, server_id = context.tools.hypervisor, context.server.id
    observed = hypervisor.observe(server_id)
    if observed.is_busy:
        return Later(LOOK_EVERY_S)
    if observed.seen is Seen.SAVED and not hypervisor.has_whole_save(server_id):
        hypervisor.drop_saved(server_id)
        raise HostFailed("The host went down while it saved the memory, which is lost.")
    hypervisor.save(server_id)
    return Done()


def restore(context: Context) -> Outcome:
    """Start from the saved memory, never without it: that would be a boot nobody asked for."""
    hypervisor, server_id = context.tools.hypervisor, context.server.id
    observed = hypervisor.observe(server_id)
    if observed.is_busy:
        return Later(LOOK_EVERY_S)
    if observed.is_on:
        return Done(RUNS_AGAIN)
    if observed.seen is Seen.SAVED and not hypervisor.has_whole_save(server_id):
        raise HostFailed(
            "The saved memory is incomplete, perhaps since the host went down while saving it. "
            "A hard reboot drops it and boots the server from its disk."
        )
    if observed.seen is not Seen.SAVED:
        raise HostFailed("The server's saved memory is gone: start it, or reboot it hard.")
    wire(context)
    try:
        hypervisor.start(server_id)
    except HostFailed as error:
        raise HostFailed(
            f"The saved memory could not be restored: {error.message}. "
            "A hard reboot drops it and boots the server from its disk."
        ) from error
    return Done(RUNS_AGAIN)


def set_clock(context: Context) -> Outcome:
    """Tell the guest what time it is, if it has an agent: a guest without one has to find out.

    The guest runs already, so nothing here fails the resume.
    """
    try:
        is_set = context.tools.hypervisor.set_clock(context.server.id)
    except HostFailed:
        is_set = False
    return Done(result={"set": int(is_set)})


PAUSE: Workflow = (Step("pause", pause),)
UNPAUSE: Workflow = (Step("unpause", unpause),)
SUSPEND: Workflow = (Step("check_room", check_room), Step("save", save))
RESUME: Workflow = (Step("restore", restore), Step("set_clock", set_clock))
