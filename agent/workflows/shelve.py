# SPDX-License-Identifier: Apache-2.0
"""Put a server away and take it out again: its disk is kept as an image, and its host forgets it.

    shelve:    power off ──> image of the disk ──> shelved ──> (offload) ──> shelved_offloaded
    offload:   domain, folder and DHCP reservations go, and the claim of the host
    unshelve:  place ──> reserve, disk from the image ──> start ──> the image goes

The addresses stay the server's all the while. A guest's memory is not kept: one that was paused or
suspended boots when it is taken out.
"""

from __future__ import annotations

from dataclasses import replace

from agent.errors import HostFailed
from agent.model.change import ServerChange
from agent.model.observation import Seen
from agent.model.states import PowerState, TaskState, VmState
from agent.model.task import Task
from agent.workflows import capture, create, delete
from agent.workflows.power import (
    SHUTDOWN_DEADLINE_S,
    drop_saved,
    power_off,
    power_on,
    press,
    wait_until_off,
)
from agent.workflows.step import Context, Done, Outcome, Step, Workflow

OFFLOADS = "offloads"
"""In the args of a shelving: it goes on to the offload at once."""

IMAGE = "shelved_image"
"""In the args of an unshelving: what the disk is made from."""


def press_if_running(context: Context) -> Outcome:
    """Press the power button of a guest that runs: libvirt refuses it for one that stands still."""
    if context.tools.hypervisor.observe(context.server.id).seen is Seen.RUNNING:
        return press(context)
    return Done()


def shut_down(context: Context) -> Outcome:
    """Give a guest that runs a minute to go down by itself."""
    if context.tools.hypervisor.observe(context.server.id).seen is Seen.RUNNING:
        return wait_until_off(context, SHUTDOWN_DEADLINE_S)
    return Done()


def power_on_again(context: Context) -> None:
    """Switch the guest of a failed shelving on, if it ran before."""
    if context.server.vm_state is VmState.ACTIVE:
        power_on(context)


def note_shelved(context: Context) -> Outcome:
    """Forget a saved memory, and say since when the server is put away.

    One that goes on to the offload shows it from now on; of another, the end of the task says it.
    """
    drop_saved(context)
    change = ServerChange(
        power_state=PowerState.SHUTDOWN, shelved_at=context.task.steps[-1].finished_at
    )
    if is_offloaded(context.task):
        change["vm_state"] = VmState.SHELVED
    return Done(change)


def end_of_shelving(task: Task) -> VmState:
    """Where a shelving ends."""
    return VmState.SHELVED_OFFLOADED if is_offloaded(task) else VmState.SHELVED


def remove_stored(context: Context) -> None:
    """Remove the image of a server that is not put away after all."""
    context.tools.captures.remove(capture.image_of(context))


def is_offloaded(task: Task) -> bool:
    """Whether a shelving goes on to the offload."""
    return bool(task.args.get(OFFLOADS))


def undefine(context: Context) -> Outcome:
    """Remove the domain."""
    power_off(context)
    create.undefine(context)
    return Done()


def remove_files(context: Context) -> Outcome:
    """Remove the server's folder, if its disk is kept in an image."""
    if context.server.shelved_image_id is None:
        raise HostFailed("The server's disk is in no image: it can't be taken off its host.")
    create.remove_files(context)
    return Done()


def leave_host(context: Context) -> Outcome:
    """Take the server off its host."""
    return Done(ServerChange(host=None))


def place(context: Context) -> Outcome:
    """Claim a host; one that was not offloaded has its own still."""
    tools, server = context.tools, context.server
    tools.claim_host(server)
    if server.vm_state is VmState.SHELVED_OFFLOADED:
        tools.disks.check_room(server)
    hardware = server.hardware or tools.hypervisor.resolve_hardware(server.image_properties)
    return Done(ServerChange(hardware=hardware))


def give_place_back(context: Context) -> None:
    """Give up the host that was claimed."""
    context.tools.release_host(context.server.id)


def release_again(context: Context) -> None:
    """Take the DHCP reservations back, unless the server was on the host before."""
    if context.server.vm_state is VmState.SHELVED_OFFLOADED:
        create.release(context)


def restore_disk(context: Context) -> Outcome:
    """Make the disk from the image; one that was not offloaded has its disk still."""
    context.tools.disks.restore_disk(context.server, str(context.task.args[IMAGE]))
    return Done()


def remove_disk_again(context: Context) -> None:
    """Remove the disk that was made; never one that was there before."""
    if context.server.vm_state is VmState.SHELVED_OFFLOADED:
        create.remove_files(context)


def undefine_again(context: Context) -> None:
    """Remove the domain that was made; never one that was there before."""
    if context.server.vm_state is VmState.SHELVED_OFFLOADED:
        power_off(context)
        create.undefine(context)


def start(context: Context) -> Outcome:
    """Switch the domain on. The image is not needed any more."""
    drop_saved(context)
    power_on(context)
    return Done(ServerChange(power_state=PowerState.RUNNING))


def remove_image(context: Context) -> Outcome:
    """Let the image go, and remove it."""
    context.tools.captures.remove(str(context.task.args[IMAGE]))
    return Done()


OFFLOAD: Workflow = (
    Step("undefine", undefine, task_state=TaskState.SHELVING_OFFLOADING),
    Step("release", delete.release, task_state=TaskState.SHELVING_OFFLOADING),
    Step("remove_files", remove_files, task_state=TaskState.SHELVING_OFFLOADING),
    Step("leave_host", leave_host, task_state=TaskState.SHELVING_OFFLOADING),
)

_PENDING, _UPLOADING = TaskState.SHELVING_IMAGE_PENDING_UPLOAD, TaskState.SHELVING_IMAGE_UPLOADING

SHELVE: Workflow = (
    Step("check", capture.check_room, capture.discard),
    Step("press", press_if_running),
    Step("shut_down", shut_down),
    Step("power_off", power_off, power_on_again),
    Step("copy", capture.copy, capture.drop_copy, task_state=_PENDING),
    Step("check_copy", capture.check_copy, task_state=_PENDING),
    Step("store", capture.store, remove_stored, task_state=_UPLOADING),
    Step("tidy", capture.tidy, task_state=_UPLOADING),
    Step("shelved", note_shelved, task_state=_UPLOADING, seals=True),
    *(replace(step, only_if=is_offloaded) for step in OFFLOAD),
)

UNSHELVE: Workflow = (
    Step("place", place, give_place_back),
    Step("reserve", create.reserve, release_again, task_state=TaskState.SPAWNING),
    Step("base", create.make_base, task_state=TaskState.SPAWNING),
    Step("disk", restore_disk, remove_disk_again, task_state=TaskState.SPAWNING),
    Step("config_drive", create.write_config_drive, task_state=TaskState.SPAWNING),
    Step("define", create.define, undefine_again, task_state=TaskState.SPAWNING),
    Step("start", start, task_state=TaskState.SPAWNING, seals=True),
    Step("remove_image", remove_image, task_state=TaskState.SPAWNING),
)
