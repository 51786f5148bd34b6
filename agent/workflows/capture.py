# SPDX-License-Identifier: Apache-2.0
"""Make an image of a server's disk, while its guest goes on: a snapshot, or a backup with rotation.

    check room ──> copy the disk ──> check the copy ──> its bytes become the image ──> tidy up

The image's record was written with the request, as `saving`; when anything fails it goes, and the
server is as before. The copy is that of one instant, at which the guest holds still if its agent
can make it (`os_require_quiesce` insists on that).
"""

from __future__ import annotations

from agent.errors import HostFailed
from agent.hypervisor.base import CopyState
from agent.model.capture import MAKES
from agent.model.states import TaskState
from agent.workflows.step import Context, Done, Later, Outcome, Step, Tools, Workflow

FIRST_LOOK_S = 0.1
LAST_LOOK_S = 2.0

REQUIRE_FREEZE = "os_require_quiesce"
YES = {"yes", "true", "on", "1"}

ROTATION, BACKUP_TYPE = "rotation", "backup_type"
"""In a backup's args."""


def image_of(context: Context) -> str:
    """The id of the image that the task makes."""
    return str(context.task.args[MAKES])


def check_room(context: Context) -> Outcome:
    """Refuse, with the numbers, what the host's disk could not take."""
    context.tools.captures.check_room(context.server)
    return Done()


def discard(context: Context) -> None:
    """Remove the image that was not made."""
    context.tools.captures.discard(image_of(context))


def copy(context: Context) -> Outcome:
    """Copy the disk: by QEMU while the guest is on, else directly."""
    server, task, tools = context.server, context.task, context.tools
    observed = tools.hypervisor.observe(server.id)
    if not observed.is_on:
        tools.captures.flatten(server, task.id, image_of(context))
        return Done()
    tools.hypervisor.thaw(server.id)  # of a process that was killed just after it had frozen it
    if tools.captures.has_copy(server.id, task.id):
        seen = tools.hypervisor.look_at_copy(server.id)
        if seen.state is CopyState.RUNNING:
            return Later(min(LAST_LOOK_S, max(FIRST_LOOK_S, context.elapsed_s / 4)))
        if seen.state is CopyState.DONE:
            return Done()
        if seen.state is CopyState.FAILED:
            raise HostFailed(f"The disk could not be copied: {seen.reason}.")
    tools.hypervisor.end_copy(server.id)
    tools.captures.drop_copies(server.id)  # also those of tasks that were pushed aside
    is_begun = tools.hypervisor.begin_copy(
        server.id,
        tools.layout.disk(server.id),
        tools.layout.copy(server.id, task.id),
        must_freeze=server.image_properties.get(REQUIRE_FREEZE, "").lower() in YES,
    )
    if is_begun:
        return Later(FIRST_LOOK_S)
    tools.captures.flatten(server, task.id, image_of(context))
    return Done()


def drop_copy(context: Context) -> None:
    """End the copying, and remove what there is of it."""
    context.tools.hypervisor.end_copy(context.server.id)
    context.tools.captures.drop_copies(context.server.id)


def end_left_copy(tools: Tools, server_id: str) -> None:
    """End and remove what a task that was pushed aside has left of its copy.

    For a server that no task has. Its file is there before libvirt's job, and goes after it.
    """
    if tools.captures.has_copies(server_id):
        tools.hypervisor.end_copy(server_id)
        tools.captures.drop_copies(server_id)


def check_copy(context: Context) -> Outcome:
    """Refuse, with the numbers, a copy that is too large."""
    context.tools.captures.check_copy(context.server.id, context.task.id)
    return Done()


def store(context: Context) -> Outcome:
    """Make the copy the image's bytes."""
    context.tools.captures.store(context.server.id, context.task.id, image_of(context))
    return Done()


def tidy(context: Context) -> Outcome:
    """Remove the copy."""
    context.tools.captures.drop_copies(context.server.id)
    return Done()


def rotate(context: Context) -> Outcome:
    """Remove the backups that are too many, the oldest first."""
    args = context.task.args
    context.tools.captures.rotate(
        image_of(context), context.server.id, str(args[BACKUP_TYPE]), int(args[ROTATION])
    )
    return Done()


CREATE_IMAGE: Workflow = (
    Step("check", check_room, discard),
    Step("copy", copy, drop_copy, task_state=TaskState.IMAGE_SNAPSHOT),
    Step("check_copy", check_copy, task_state=TaskState.IMAGE_PENDING_UPLOAD),
    Step("store", store, task_state=TaskState.IMAGE_UPLOADING, seals=True),
    Step("tidy", tidy, task_state=TaskState.IMAGE_UPLOADING),
)

CREATE_BACKUP: Workflow = (
    *CREATE_IMAGE,
    Step("rotate", rotate, task_state=TaskState.IMAGE_UPLOADING),
)
