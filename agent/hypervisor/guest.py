# SPDX-License-Identifier: Apache-2.0
"""One domain: looking at it, and the verbs that change it.

Each verb looks first. When libvirt refuses, it looks again: somebody else may have done the same in
between, and then all is well. Whether the domain is ours is the caller's question.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt

from agent.errors import AgentError, GuestSilent, HostFailed
from agent.hypervisor.domainxml import NAMESPACE, find_mark
from agent.hypervisor.errors import (
    GuestAgentSilentError,
    NoSuchThingError,
    UnsupportedCallError,
    translated,
)
from agent.hypervisor.words import (
    STATE_BLOCKED,
    STATE_CRASHED,
    STATE_PAUSED,
    STATE_PMSUSPENDED,
    STATE_RUNNING,
    STATE_SHUTOFF,
    read_state,
)
from agent.model.observation import Observation, Seen

log = logging.getLogger(__name__)

_UNDEFINE_ALL = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
)
ENOUGH_WRITES = 24
"""More than a boot loader makes that notes how it fared, less than a system whose root it is."""

PRESSABLE = {STATE_RUNNING, STATE_BLOCKED, STATE_PAUSED, STATE_PMSUSPENDED}
"""States in which a power button does something. A guest that goes down by itself is for a moment
in none of them, and not off yet."""

_UNDEFINE_PLAIN = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
)


def find(connection: Any, server_id: str) -> Any:
    """Find a domain by its uuid, or None."""
    try:
        with translated():
            return connection.lookupByUUIDString(server_id)
    except NoSuchThingError:
        return None


def find_owner(domain: Any) -> str | None:
    """Who made a domain, by our mark; None when it bears none. Gone, it is `NoSuchThingError`."""
    try:
        with translated():
            text = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE, 0)
    except NoSuchThingError:
        with translated():
            domain.state()
        return None
    return find_mark(text, "owner")


def observe(domain: Any) -> Observation:
    """Look at a domain."""
    try:
        with translated():
            state, reason = domain.state()
            is_saved = state == STATE_SHUTOFF and bool(domain.hasManagedSaveImage())
    except NoSuchThingError:
        return Observation(Seen.ABSENT)
    return read_state(state, reason, domain_id=domain.ID(), is_saved=is_saved)


def start(domain: Any) -> None:
    """Start a domain unless it is on."""
    if observe(domain).is_on:
        return
    if domain.state()[0] == STATE_CRASHED:
        _pull_plug(domain)  # libvirt keeps the remains of a crashed guest as if it ran
    try:
        with translated():
            domain.createWithFlags(0)
    except HostFailed:
        if not observe(domain).is_on:
            raise


def shutdown(domain: Any) -> None:
    """Press the power button once, unless the domain is off or on its way there."""
    if domain.state()[0] not in PRESSABLE:
        return
    try:
        with translated():
            domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
    except UnsupportedCallError:
        domain.shutdown()
    except HostFailed:
        if domain.state()[0] in PRESSABLE:
            raise


def destroy(domain: Any) -> None:
    """Pull the plug, unless the domain is off or gone."""
    if domain.isActive():
        _pull_plug(domain)


def pause(domain: Any) -> None:
    """Stop the CPUs of a domain that is on."""
    _change(domain, Seen.PAUSED, domain.suspend)


def unpause(domain: Any) -> None:
    """Let the CPUs of a paused domain go on."""
    _change(domain, Seen.RUNNING, domain.resume)


def save(domain: Any) -> None:
    """Save a domain's memory and end it. Blocks for as long as the disk takes."""
    _change(domain, Seen.SAVED, lambda: domain.managedSave(0))


def has_whole_save(domain: Any) -> bool:
    """Whether there is saved memory that libvirt would restore from.

    A save that was cut off leaves its file. libvirt counts it as saved memory, and a start drops it
    without a word and boots: only a look into it shows what it is.
    """
    if not domain.hasManagedSaveImage():
        return False
    try:
        with translated():
            domain.managedSaveGetXMLDesc(0)
    except UnsupportedCallError:  # the test driver, whose saves are always whole
        return True
    except HostFailed:
        return False
    return True


def abort(domain: Any) -> None:
    """End the job that libvirt is at, if it is at one that can be ended."""
    with suppress(HostFailed), translated():
        domain.abortJob()


def set_clock(domain: Any, *, timeout_s: int) -> bool:
    """Set the guest's clock to the host's through its agent; whether an agent did it."""
    if not has_agent(domain):
        return False
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    try:
        with translated():
            domain.agentSetResponseTimeout(timeout_s)
            domain.setTime({"seconds": seconds, "nseconds": nanoseconds})
    except AgentError as error:
        log.warning("guest %s: its clock is not set: %s", domain.UUIDString(), error)
        return False
    return True


def set_password(domain: Any, user: str, secret: str, *, is_hash: bool, timeout_s: int) -> None:
    """Have the guest's agent set a password; `HostFailed` says why it did not.

    `GuestSilent` when it does not answer.
    """
    flags = libvirt.VIR_DOMAIN_PASSWORD_ENCRYPTED if is_hash else 0
    with suppress(UnsupportedCallError), translated():
        domain.agentSetResponseTimeout(timeout_s)
    try:
        with translated():
            domain.setUserPassword(user, secret, flags)
    except GuestAgentSilentError as error:
        raise GuestSilent(
            "no guest agent answers: qemu-guest-agent is not installed in the guest or does not "
            "run, or the guest has not booted yet"
        ) from error


def has_agent(domain: Any) -> bool:
    """Whether a guest agent has opened its end of the channel."""
    channels = ElementTree.fromstring(domain.XMLDesc()).iterfind("devices/channel/target")
    return any(channel.get("state") == "connected" for channel in channels)


def lives_on_disk(domain: Any) -> bool:
    """Whether a guest's system has its root: its agent runs, or it has written much to its disk."""
    if not domain.isActive():
        return False
    if has_agent(domain):
        return True
    target = ElementTree.fromstring(domain.XMLDesc()).find("devices/disk/target")
    if target is None:
        return False
    with translated():
        return bool(domain.blockStats(target.get("dev", ""))[2] >= ENOUGH_WRITES)


def plug_disk(domain: Any, xml: str, path: Path) -> None:
    """Plug a disk into a domain that is on, unless it has it."""
    if not domain.isActive() or _has_disk(domain, path):
        return
    try:
        with translated():
            domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    except UnsupportedCallError:  # the test driver, whose guests look for nothing
        return
    except HostFailed:
        if not _has_disk(domain, path):
            raise


def inject_nmi(domain: Any) -> None:
    """Send a domain that is on a non-maskable interrupt: what its guest does then is its own."""
    seen = observe(domain)
    if not seen.is_on:
        raise HostFailed(f"The guest is not on: {seen.reason or seen.seen}.")
    with translated():
        domain.injectNMI(0)


def drop_saved(domain: Any) -> None:
    """Remove the saved memory image, if there is one."""
    if domain.hasManagedSaveImage():
        domain.managedSaveRemove()


def undefine(domain: Any) -> None:
    """Remove a domain that is off, with its saved image, NVRAM and snapshots' records."""
    try:
        with translated():
            domain.undefineFlags(_UNDEFINE_ALL)
    except UnsupportedCallError:
        domain.undefineFlags(_UNDEFINE_PLAIN)


def _has_disk(domain: Any, path: Path) -> bool:
    sources = ElementTree.fromstring(domain.XMLDesc()).iterfind("devices/disk/source")
    return any(source.get("file") == str(path) for source in sources)


def _change(domain: Any, wanted: Seen, act: Callable[[], object]) -> None:
    """Bring a domain that is on into a state, unless it is there already."""
    seen = observe(domain)
    if seen.seen is wanted:
        return
    if not seen.is_on:
        raise HostFailed(f"The guest is not on: {seen.reason or seen.seen}.")
    try:
        with translated():
            act()
    except HostFailed:
        if observe(domain).seen is not wanted:
            raise


def _pull_plug(domain: Any) -> None:
    try:
        with translated():
            domain.destroy()
    except HostFailed:
        if domain.isActive():
            raise
