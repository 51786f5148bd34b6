# SPDX-License-Identifier: Apache-2.0
"""Copies of a running guest's disk, as it is at one instant: libvirt's backup jobs.

QEMU copies the disk with all that is below it into a file of its own, while the guest goes on: what
the guest overwrites meanwhile is saved first. The guest's chain of disks is never changed, so a
copy that is cut off leaves nothing but its file. Where an agent answers, the guest's file systems
are frozen for the instant at which the copy begins, and are thawed whatever happens.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt

from agent.errors import AgentError, HostFailed
from agent.hypervisor.base import Copy, CopyState
from agent.hypervisor.domainxml import render_copy
from agent.hypervisor.errors import translated
from agent.hypervisor.guest import has_agent

log = logging.getLogger(__name__)

NO_JOB, JOB_COMPLETED = 0, 3  # VIR_DOMAIN_JOB_NONE, VIR_DOMAIN_JOB_COMPLETED
BACKUP = 9  # VIR_DOMAIN_JOB_OPERATION_BACKUP
LAST_JOB = 1 | 2  # VIR_DOMAIN_JOB_STATS_COMPLETED, and _KEEP_COMPLETED

QEMU = "QEMU"
"""The one driver that holds a guest's disk open, and can copy it."""


def begin(
    domain: Any, driver: str, source: Path, target: Path, *, must_freeze: bool, timeout_s: int
) -> bool:
    """Begin to copy a disk of a guest that is on; False where the disk can be read as it is.

    `HostFailed` when libvirt refuses, or when the guest must be frozen for it and can't be.
    """
    if driver != QEMU:
        return False
    disks = ElementTree.fromstring(domain.XMLDesc()).iterfind("devices/disk")
    names = {_source_of(disk): _name_of(disk) for disk in disks if _name_of(disk)}
    copied = names.get(str(source))
    if copied is None:
        raise HostFailed(f"The guest does not have {source.name} as a disk.")
    others = [name for name in names.values() if name != copied]
    is_frozen = _freeze(domain, timeout_s)
    try:
        if must_freeze and not is_frozen:
            raise HostFailed(
                "The image says that its guests must be frozen for a copy (os_require_quiesce), "
                "and no guest agent has done it."
            )
        with translated():
            domain.backupBegin(render_copy(copied, target, others), None, 0)
    finally:
        if is_frozen:
            thaw(domain, timeout_s)
    return True


def look(domain: Any, driver: str) -> Copy:
    """Look at the copy that is being made, else at the last one, as far as libvirt knows of it."""
    if driver != QEMU:
        return Copy(CopyState.UNKNOWN)
    with translated():
        if domain.jobStats(0).get("type", NO_JOB) != NO_JOB:
            return Copy(CopyState.RUNNING)
        last = domain.jobStats(LAST_JOB)
    if last.get("operation") != BACKUP:
        return Copy(CopyState.UNKNOWN)
    if last.get("type") == JOB_COMPLETED and last.get("success", True):
        return Copy(CopyState.DONE)
    return Copy(CopyState.FAILED, str(last.get("errmsg", "libvirt gave no reason")))


def thaw(domain: Any, timeout_s: int) -> None:
    """Let a guest's file systems go on that may be frozen, if it has an agent."""
    if not domain.isActive() or not has_agent(domain):
        return
    try:
        with translated():
            domain.agentSetResponseTimeout(timeout_s)
            domain.fsThaw()
    except AgentError as error:
        log.warning("guest %s: not thawed: %s", domain.UUIDString(), error)


def end(domain: Any, driver: str, timeout_s: int) -> None:
    """End the copy that is being made, if there is one, and thaw the guest."""
    with suppress(HostFailed), translated():
        if driver == QEMU and domain.jobStats(0).get("type", NO_JOB) != NO_JOB:
            domain.abortJob()
    thaw(domain, timeout_s)


def _freeze(domain: Any, timeout_s: int) -> bool:
    """Have a running guest write all down and hold still; whether it does."""
    if domain.state()[0] != libvirt.VIR_DOMAIN_RUNNING or not has_agent(domain):
        return False
    try:
        with translated():
            domain.agentSetResponseTimeout(timeout_s)
            domain.fsFreeze()
    except AgentError as error:
        log.warning("guest %s: its file systems are not frozen: %s", domain.UUIDString(), error)
        thaw(domain, timeout_s)  # it may have done it too late, or by half
        return False
    return True


def _source_of(disk: ElementTree.Element) -> str:
    source = disk.find("source")
    return "" if source is None else source.get("file", "")


def _name_of(disk: ElementTree.Element) -> str:
    target = disk.find("target")
    return "" if target is None else target.get("dev", "")
