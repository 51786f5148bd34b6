# SPDX-License-Identifier: Apache-2.0
"""Rebuild a server: another disk and config drive; the same id, addresses, flavor and host.

# Note [One image at a time]
The server's record names the image that its disk stands on, at any instant. The new image is in the
task's args until the old disk is gone, and becomes the record's with the step that removed it. The
domain goes with that disk: nothing can start an old domain on a new disk, or a half-made one. What
both the record and an open rebuild name keeps its base and its kernel (`agent.store.imageuse`).

What can fail without loss comes first: a rebuild that fails before `wipe` leaves the old disk, and
a hard reboot brings it back. From then on only another rebuild helps, or a hard reboot once there
is a new disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from agent.model.change import ServerChange
from agent.model.server import Hardware, Server
from agent.model.states import TaskState, VmState
from agent.model.task import Task
from agent.workflows import create
from agent.workflows.password import is_refused, tell_refusal
from agent.workflows.power import power_off, power_on
from agent.workflows.step import Context, Done, Outcome, Step, Workflow

IMAGE_ID, IMAGE_PROPERTIES = "image_id", "image_properties"
"""In the task's args: what the new disk is made of; the properties as JSON."""

WAS = "was"
"""In the task's args: the vm_state in which the server was taken."""

HARDWARE = "hw_"
"""How the properties of an image begin that choose hardware."""


def as_rebuilt(server: Server, task: Task) -> Server:
    """The server as it will be, standing on its new image."""
    properties = json.loads(str(task.args[IMAGE_PROPERTIES]))
    return replace(server, image_id=str(task.args[IMAGE_ID]), image_properties=properties)


def was_on(task: Task) -> bool:
    """Whether the server is to run afterwards: one that was stopped stays so."""
    return task.args[WAS] != VmState.STOPPED.value


def place(context: Context) -> Outcome:
    """See that all is there that the rebuild needs, before anything is lost."""
    rebuilt = as_rebuilt(context.server, context.task)
    context.tools.claim_host(context.server)  # a build may have failed before it had one
    context.tools.disks.check_room(rebuilt)
    _choose_hardware(context, rebuilt)
    return Done()


def make_base(context: Context) -> Outcome:
    """Have the new image in the cache."""
    return create.make_base(replace(context, server=as_rebuilt(context.server, context.task)))


def wipe(context: Context) -> Outcome:
    """Remove the domain and its disks: from here on the server stands on its new image."""
    rebuilt = as_rebuilt(context.server, context.task)
    hardware = _choose_hardware(context, rebuilt)
    context.tools.hypervisor.undefine(context.server.id)
    context.tools.disks.wipe(context.server.id)
    change = ServerChange(
        image_id=rebuilt.image_id,
        image_properties=rebuilt.image_properties,
        hardware=hardware,
        old_flavor=None,
        old_vm_state=None,
        rescue=None,
    )
    return Done(change)


def write_config_drive(context: Context) -> Outcome:
    """Make the config drive of a guest that was never there: it is told its password, too."""
    context.tools.disks.write_config_drive(replace(context.server, launched_at=None))
    return Done()


def start(context: Context) -> Outcome:
    """Switch the new domain on."""
    power_on(context)
    return Done(ServerChange(vm_state=VmState.ACTIVE))


def _choose_hardware(context: Context, rebuilt: Server) -> Hardware:
    """Keep what is recorded, unless the new image asks for something else than the old one."""
    recorded = context.server.hardware
    same = _hardware_of(rebuilt.image_properties) == _hardware_of(context.server.image_properties)
    if recorded is not None and same:
        return recorded
    return context.tools.hypervisor.resolve_hardware(rebuilt.image_properties)


def _hardware_of(properties: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in properties.items() if name.startswith(HARDWARE)}


REBUILD: Workflow = (
    Step("place", place, progress=5),
    Step("base", make_base, progress=40),
    Step("power_off", power_off, progress=45),
    Step("wipe", wipe, progress=50),
    Step("reserve", create.reserve, progress=55),
    Step("disk", create.make_disk, task_state=TaskState.REBUILD_SPAWNING, progress=65),
    Step("config_drive", write_config_drive, task_state=TaskState.REBUILD_SPAWNING, progress=75),
    Step("define", create.define, task_state=TaskState.REBUILD_SPAWNING, progress=85),
    Step("start", start, task_state=TaskState.REBUILD_SPAWNING, progress=95, only_if=was_on),
    Step(
        "password",
        tell_refusal,
        task_state=TaskState.REBUILD_SPAWNING,
        only_if=is_refused,
        mended_by="changePassword",
    ),
)
