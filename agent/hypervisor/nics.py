# SPDX-License-Identifier: Apache-2.0
"""Nics of a guest that runs: plugged in and pulled out. What is stored is changed by a define."""

from __future__ import annotations

import logging
from typing import Any
from xml.etree import ElementTree

import libvirt

from agent.errors import HostFailed
from agent.hypervisor.errors import UnsupportedCallError, translated

log = logging.getLogger(__name__)

_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE


def plug(domain: Any, mac: str, xml: str) -> None:
    """Plug a nic into a domain that is on, unless it is there; nothing when the domain is off."""
    if not domain.isActive() or _find(domain, mac) is not None:
        return
    try:
        with translated():
            domain.attachDeviceFlags(xml, _LIVE)
    except HostFailed:
        if domain.isActive() and _find(domain, mac) is None:
            raise


def unplug(domain: Any, mac: str) -> bool:
    """Ask the guest to let go of a nic; whether it has none (any more). Blocks for some seconds.

    A guest that has not booted, or is paused, does not hear it: ask again.
    """
    nic = _find(domain, mac) if domain.isActive() else None
    if nic is None:
        return True
    nic.tail = None
    try:
        with translated():
            domain.detachDeviceFlags(ElementTree.tostring(nic, encoding="unicode"), _LIVE)
    except UnsupportedCallError:
        raise
    except HostFailed as error:  # it may have been asked before, or just be gone
        log.info("nic %s of guest %s: %s", mac, domain.UUIDString(), error.message)
    return not domain.isActive() or _find(domain, mac) is None


def _find(domain: Any, mac: str) -> ElementTree.Element | None:
    return find_nic(ElementTree.fromstring(domain.XMLDesc()), mac)


def find_nic(root: ElementTree.Element, mac: str) -> ElementTree.Element | None:
    """The nic of a MAC in a domain's XML, however the domain is described."""
    for nic in root.iterfind("devices/interface"):
        found = nic.find("mac")
        if found is not None and found.get("address", "").lower() == mac:
            return nic
    return None
