# SPDX-License-Identifier: Apache-2.0
"""Reboot a server: softly, by its own leave, or hard, with everything repaired but its data.

libvirt's own reboot keeps the domain's id and tells of it in events that a restarted agent misses.
So a soft reboot is a shutdown that is seen through to off, and a start: the domain's new id is the
proof. A guest that does not go down within its time is rebooted hard.
"""

from __future__ import annotations

from dataclasses import replace

from agent.errors import HostFailed
from agent.model.task import Task
from agent.workflows import create
from agent.workflows.power import drop_saved, power_off, power_on, press, wait_until_off
from agent.workflows.step import Context, Done, Outcome, Step, Workflow

SOFT_DEADLINE_S = 120.0

NO_DISK = (
    "The server's disk is gone, or its build failed before there was one: nothing is left to boot. "
    "Rebuild the server, or delete it."
)


def shut_down(context: Context) -> Outcome:
    """Give the guest two minutes to go down by itself."""
    return wait_until_off(context, SOFT_DEADLINE_S)


def boot(context: Context) -> Outcome:
    """Switch the domain on; its new id is on record."""
    power_on(context)
    observed = context.tools.hypervisor.observe(context.server.id)
    return Done(result={"domain_id": observed.domain_id or 0})


def check(context: Context) -> Outcome:
    """Raise `HostFailed`, before anything is done, when there is no disk to boot from."""
    if context.server.hardware is None or not context.tools.disks.has_disk(context.server.id):
        raise HostFailed(NO_DISK)
    return Done()


def is_forced(task: Task) -> bool:
    """Whether a soft reboot has waited in vain, and goes on as a hard one."""
    return bool(task.result_of("shut_down").get("forced"))


REBOOT_HARD: Workflow = (
    Step("check", check),
    Step("power_off", power_off),
    Step("drop_saved", drop_saved),
    Step("reserve", create.reserve),
    Step("base", create.make_base),
    Step("config_drive", create.write_config_drive),
    Step("define", create.define),
    Step("boot", boot),
)

REBOOT_SOFT: Workflow = (
    Step("press", press),
    Step("shut_down", shut_down),
    *(replace(step, only_if=is_forced) for step in REBOOT_HARD if step.name != "boot"),
    Step("boot", boot),
)
