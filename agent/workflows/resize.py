# SPDX-License-Identifier: Apache-2.0
"""Resize a server, and then confirm it or revert it.

The guest is shut down, its disk copied, the disk grown and the domain defined anew. The copy is
kept until the resize is confirmed or reverted, so a revert finds every byte as it was. The record
gets the new flavor with the last step; what the server claims of its host and its project's quota
is the larger of both from the request on, and until the resize is confirmed or reverted.

A resize that fails is undone, also when the process dies in the midst of that: the disk is put
back, the domain is what it was, and a guest that ran is started.
"""

from __future__ import annotations

import json
from dataclasses import replace

from agent.errors import HostFailed
from agent.model.change import ServerChange
from agent.model.server import Flavor, Server
from agent.model.states import TaskState, VmState
from agent.model.task import Task
from agent.workflows import create
from agent.workflows.power import power_off, power_on, press, shut_down
from agent.workflows.step import Context, Done, Outcome, Step, Workflow

FLAVOR = "flavor"
"""In the task's args: the new flavor, as JSON."""

WAS = "was"
"""In the task's args: the vm_state in which the server was taken."""

NO_KEPT_DISK = (
    "The disk of before the resize is gone, so the resize can't be reverted. The server's disk of "
    "now is untouched: a hard reboot starts it, else delete the server."
)


def was_active(task: Task) -> bool:
    """Whether the server ran when it was taken, and is to run afterwards."""
    return task.args[WAS] == VmState.ACTIVE.value


def as_resized(server: Server, task: Task) -> Server:
    """The server as it will be."""
    return replace(server, flavor=Flavor(**json.loads(str(task.args[FLAVOR]))))


def prepare(context: Context) -> Outcome:
    """See that the disk can be copied; a copy that a broken-off resize left is worth nothing."""
    context.tools.disks.drop_kept_disk(context.server.id)
    context.tools.disks.check_copy_room(context.server.id)
    return Done()


def keep(context: Context) -> Outcome:
    """Copy the disk, of a guest that is off."""
    context.tools.disks.keep_disk(context.server.id)
    return Done()


def grow(context: Context) -> Outcome:
    """Give the disk its new size."""
    context.tools.disks.grow_disk(as_resized(context.server, context.task))
    return Done()


def define(context: Context) -> Outcome:
    """Define the domain with its new size."""
    return create.define(replace(context, server=as_resized(context.server, context.task)))


def start(context: Context) -> Outcome:
    """Switch the domain on."""
    power_on(context)
    return Done()


def arrive(context: Context) -> Outcome:
    """Say that the server is resized, and what it was before."""
    server = context.server
    change = ServerChange(
        vm_state=VmState.RESIZED,
        progress=100,
        flavor=as_resized(server, context.task).flavor,
        old_flavor=server.flavor,
        old_vm_state=VmState(str(context.task.args[WAS])),
    )
    return Done(change)


def undo_start(context: Context) -> None:
    """Pull the plug: the disk below the guest is about to be put back."""
    power_off(context)


def undo_keep(context: Context) -> None:
    """Put the disk back as it was."""
    _put_back(context)


def undo_press(context: Context) -> None:
    """Let the server be what it was, last of all."""
    create.define(context)
    if was_active(context.task):
        power_on(context)


def drop_old(context: Context) -> Outcome:
    """Remove the disk of before the resize."""
    context.tools.disks.drop_kept_disk(context.server.id)
    return Done()


def confirm(context: Context) -> Outcome:
    """Say that the server is what it is now: on or off, as its guest is."""
    is_on = context.tools.hypervisor.observe(context.server.id).is_on
    vm_state = VmState.ACTIVE if is_on else VmState.STOPPED
    return Done(ServerChange(vm_state=vm_state, old_flavor=None, old_vm_state=None))


def check_kept(context: Context) -> Outcome:
    """Raise `HostFailed`, before anything is done, when there is nothing to go back to."""
    if not context.tools.disks.has_kept_disk(context.server.id):
        raise HostFailed(NO_KEPT_DISK)
    return Done()


def put_back(context: Context) -> Outcome:
    """Let the server have its old disk again."""
    _put_back(context)
    return Done()


def define_old(context: Context) -> Outcome:
    """Define the domain with its old size."""
    flavor = context.server.old_flavor or context.server.flavor
    create.define(replace(context, server=replace(context.server, flavor=flavor)))
    return Done(ServerChange(flavor=flavor, old_flavor=None))


def start_again(context: Context) -> Outcome:
    """Switch the domain on, if the server ran before the resize."""
    if context.server.old_vm_state is VmState.ACTIVE:
        power_on(context)
    return Done()


def go_back(context: Context) -> Outcome:
    """Say that the server is where it was before the resize."""
    old = context.server.old_vm_state or VmState.STOPPED
    return Done(ServerChange(vm_state=old, old_vm_state=None))


def _put_back(context: Context) -> None:
    if context.tools.hypervisor.observe(context.server.id).is_on:
        raise HostFailed("The guest is on: its disk can't be put back below it.")
    context.tools.disks.put_disk_back(context.server.id)


RESIZE: Workflow = (
    Step("prepare", prepare, progress=5),
    Step("press", press, undo_press, task_state=TaskState.RESIZE_MIGRATING, progress=10),
    Step("shut_down", shut_down, task_state=TaskState.RESIZE_MIGRATING, progress=25),
    Step("power_off", power_off, task_state=TaskState.RESIZE_MIGRATING, progress=30),
    Step("keep", keep, undo_keep, task_state=TaskState.RESIZE_MIGRATING, progress=70),
    Step("grow", grow, task_state=TaskState.RESIZE_MIGRATED, progress=75),
    Step("define", define, task_state=TaskState.RESIZE_FINISH, progress=80),
    Step(
        "start",
        start,
        undo_start,
        task_state=TaskState.RESIZE_FINISH,
        progress=90,
        only_if=was_active,
    ),
    Step("arrive", arrive, task_state=TaskState.RESIZE_FINISH, progress=95),
)

CONFIRM_RESIZE: Workflow = (
    Step("drop_old", drop_old),
    Step("confirm", confirm),
)

REVERT_RESIZE: Workflow = (
    Step("check", check_kept),
    Step("power_off", power_off),
    Step("put_back", put_back),
    Step("define", define_old),
    Step("start", start_again),
    Step("go_back", go_back),
)
