# SPDX-License-Identifier: Apache-2.0
"""Passwords of a guest: one that the rule refuses, and one that its agent sets later."""

from __future__ import annotations

from agent.errors import BadRequest, GuestSilent
from agent.model.task import Task
from agent.workflows.step import Context, Done, Later, Outcome, Step, Workflow

REFUSED = "password_refused"
"""In a build's args: why the password it was given is none. The guest runs with none that works."""

PATIENCE = "patience_s"
"""In a change's args: so many seconds the guest's agent may stay silent, since it may boot."""

ASK_EVERY_S = 1.0


def is_refused(task: Task) -> bool:
    """Whether the build was given a password that the rule refuses."""
    return REFUSED in task.args


def tell_refusal(context: Context) -> Outcome:
    """Fail, when all else is done: the server runs, and its user has to give it a password."""
    raise BadRequest(
        f"adminPass: {context.task.args[REFUSED]} The server is built, but its password is locked. "
        "Set one that keeps the rule (changePassword), which needs a guest agent; else rebuild the "
        "server with one that does."
    )


def set_password(context: Context) -> Outcome:
    """Have the guest's agent set the password; `HostFailed` when there is none that does.

    A guest that may still be booting is asked again, for as long as the task says.
    """
    args = context.task.args
    if "hash" in args:
        secret, is_hash = str(args["hash"]), True
    else:
        secret, is_hash = context.tools.unseal(str(args["sealed"])), False
    user = str(args["user"])
    try:
        context.tools.hypervisor.set_password(context.server.id, user, secret, is_hash=is_hash)
    except GuestSilent:
        if context.elapsed_s >= int(args.get(PATIENCE, 0)):
            raise
        return Later(ASK_EVERY_S)
    return Done()


CHANGE_PASSWORD: Workflow = (Step("set_password", set_password),)
