# SPDX-License-Identifier: Apache-2.0
"""Rescue: run another system in a server's place, with its own disk as the second, and go back.

# Note [The right disk]
Most systems find their root by a label, and a rescue image may have the same one as the server's
own disk: it often is the same image. Whatever the order of the disks, some systems then take the
last one, others the first. So the rescue disk takes the very place of the own one, and is alone
until its system has its root, which shows by its agent or by what it writes. Then the own disk is
plugged in as the second. A guest that shows nothing gets it after a minute; on a bus that takes no
disks while it runs, it is there from the start. Of the two only the rescue disk is ever booted.

All that may fail early is done while the guest still runs. What fails later puts the server back
as it was: its own definition, and on again if it was on.
"""

from __future__ import annotations

from dataclasses import replace

from agent.errors import HostFailed, NotFound
from agent.hypervisor.base import DomainSpec, RescueDisk
from agent.model.booting import find_boot
from agent.model.layout import Layout
from agent.model.password import Credential
from agent.model.server import RescueSystem, Server
from agent.workflows import create
from agent.workflows.power import drop_saved, power_off, press, shut_down, wait_until_off
from agent.workflows.reboot import boot, check
from agent.workflows.step import Context, Done, Later, Outcome, Step, Workflow
from agent.workflows.wiring import wire

COME_UP_DEADLINE_S = 60.0
LOOK_EVERY_S = 1.0

LEAVE_DEADLINE_S = 20.0
"""So long the rescue system may take to write what it has of the own disk, when it is to go."""


def rescue_spec(server: Server, layout: Layout, *, is_alone: bool = False) -> DomainSpec:
    """Make the value that the domain's XML is rendered from while the server is in rescue."""
    system = _system(server)
    boot_files = find_boot(system.image_properties)
    return replace(
        create.domain_spec(server, layout),
        config_drive_path=layout.rescue_drive(server.id),
        boot=create.boot_spec(boot_files, layout) if boot_files else None,
        rescue=RescueDisk(layout.rescue_disk(server.id), layout.base(system.image_id), is_alone),
    )


def prepare(context: Context) -> Outcome:
    """Raise `HostFailed` when there is no disk to mend, and remove what is another rescue's.

    A server whose state an administrator has reset may have that still.
    """
    check(context)
    context.tools.disks.remove_rescue(context.server.id)
    return Done()


def make_base(context: Context) -> Outcome:
    """Have the rescue image in the cache; a base may outlive its image."""
    tools, system = context.tools, _system(context.server)
    try:
        tools.disks.ensure_base(system.image_id)
    except NotFound as error:
        if not tools.layout.base(system.image_id).is_file():
            raise HostFailed(
                f"The image to rescue with, {system.image_id}, is gone. Name another one in "
                "rescue_image_ref."
            ) from error
    boot_files = find_boot(system.image_properties)
    for image_id in boot_files.image_ids if boot_files else ():
        tools.disks.ensure_boot_file(image_id)
    return Done()


def make_files(context: Context) -> Outcome:
    """Make the rescue disk and a config drive for it, with the password of the request."""
    context.tools.disks.create_rescue_disk(context.server)
    args = context.task.args
    credential = Credential(
        str(args["user"]),
        hash=str(args["hash"]) if "hash" in args else None,
        sealed=str(args["sealed"]) if "sealed" in args else None,
    )
    context.tools.disks.write_rescue_drive(context.server, credential)
    return Done()


def remove_files(context: Context) -> None:
    """Remove the rescue disk and its config drive."""
    context.tools.disks.remove_rescue(context.server.id)


def switch_on_again(context: Context) -> None:
    """Start a server that was on when it was asked to go down."""
    if context.result_of("press").get("domain_id"):
        wire(context)
        context.tools.hypervisor.start(context.server.id)


def pull_plug(context: Context) -> Outcome:
    """Switch off what is still on, and forget saved memory: it was of another system."""
    power_off(context)
    return drop_saved(context)


def define(context: Context) -> Outcome:
    """Define the domain over the rescue disk alone."""
    spec = rescue_spec(context.server, context.tools.layout, is_alone=True)
    context.tools.hypervisor.define(spec)
    return Done()


def define_as_before(context: Context) -> None:
    """Define the domain over its own disk."""
    spec = create.domain_spec(context.server, context.tools.layout)
    context.tools.hypervisor.define(spec)


def end_rescue(context: Context) -> None:
    """End a rescue system that was just started."""
    context.tools.hypervisor.destroy(context.server.id)


def come_up(context: Context) -> Outcome:
    """Wait until the rescue system lives on its disk, or until its time is up. See the note."""
    hypervisor, server_id = context.tools.hypervisor, context.server.id
    if context.elapsed_s >= COME_UP_DEADLINE_S or not hypervisor.observe(server_id).is_on:
        return Done()
    return Done() if hypervisor.lives_on_disk(server_id) else Later(LOOK_EVERY_S)


def plug_own_disk(context: Context) -> Outcome:
    """Let the own disk come as the second."""
    spec = rescue_spec(context.server, context.tools.layout)
    context.tools.hypervisor.plug_own_disk(spec)
    return Done()


def leave(context: Context) -> Outcome:
    """Give the rescue system some seconds to go down by itself."""
    return wait_until_off(context, LEAVE_DEADLINE_S)


def _system(server: Server) -> RescueSystem:
    return server.rescue or RescueSystem(server.image_id, server.image_properties)


RESCUE: Workflow = (
    Step("prepare", prepare),
    Step("base", make_base),
    Step("files", make_files, remove_files),
    Step("press", press, switch_on_again),
    Step("shut_down", shut_down),
    Step("power_off", pull_plug),
    Step("reserve", create.reserve),
    Step("define", define, define_as_before),
    Step("boot", boot, end_rescue),
    Step("come_up", come_up),
    Step("own_disk", plug_own_disk),
)

UNRESCUE: Workflow = (
    Step("press", press),
    Step("leave", leave),
    Step("power_off", pull_plug),
    Step("reserve", create.reserve),
    Step("base", create.make_base),
    Step("define", create.define),
    Step("boot", boot),
)
