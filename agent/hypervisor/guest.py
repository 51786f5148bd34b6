# SPDX-License-Identifier: Apache-2.0
"""One domain: looking at it, and the verbs that change it.

Each verb looks first. When libvirt refuses, it looks again: somebody else may have done the same in
between, and then all is well. Whether the domain is ours is the caller's question.
"""

from __future__ import annotations

from typing import Any

import libvirt

from agent.errors import HostFailed
from agent.hypervisor.domainxml import NAMESPACE, find_mark
from agent.hypervisor.errors import NoSuchThingError, UnsupportedCallError, translated
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

_UNDEFINE_ALL = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
)
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


def _pull_plug(domain: Any) -> None:
    try:
        with translated():
            domain.destroy()
    except HostFailed:
        if domain.isActive():
            raise
