# SPDX-License-Identifier: Apache-2.0
"""Turns libvirt's errors into ours, at the border: the only place that reads an error's code.

One question decides: does trying the same again help? `HostUnavailable` is a libvirt that is gone
or busy, `HostFailed` everything else. The text is libvirt's own, which repeats no
secret that it was given.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import libvirt

from agent.errors import HostFailed, HostUnavailable


class NoSuchThingError(HostFailed):
    """libvirt knows no such domain, network, filter or metadata; caught where it is looked up."""


class UnsupportedCallError(HostFailed):
    """This driver lacks the call or the flag; caught where there is another way."""


class GuestAgentSilentError(HostUnavailable):
    """libvirt answers, the agent in the guest does not."""


class NoDriverError(HostUnavailable):
    """libvirt has no driver for the URI: a mistake in it, or a package that is missing."""


_NOT_THERE = {
    libvirt.VIR_ERR_NO_DOMAIN,
    libvirt.VIR_ERR_NO_NETWORK,
    libvirt.VIR_ERR_NO_NWFILTER,
    libvirt.VIR_ERR_NO_DOMAIN_METADATA,
}
_UNSUPPORTED = {
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_INVALID_ARG,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
}
_BUSY = {
    libvirt.VIR_ERR_OPERATION_TIMEOUT,  # "cannot acquire state change lock"
    libvirt.VIR_ERR_RESOURCE_BUSY,
}
_NO_GUEST_AGENT = {
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
    libvirt.VIR_ERR_AGENT_UNSYNCED,
    getattr(libvirt, "VIR_ERR_AGENT_COMMAND_TIMEOUT", libvirt.VIR_ERR_AGENT_UNSYNCED),  # of later
}
_GONE = {
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_RPC,
}
_GONE_FROM_RPC = {
    libvirt.VIR_ERR_SYSTEM_ERROR,  # "Failed to connect socket", "Cannot recv data"
    libvirt.VIR_ERR_INTERNAL_ERROR,  # "client socket is closed", a keepalive that timed out
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise what libvirt raises inside as an `AgentError` whose text a user may read."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise _translate(error) from error


def silence() -> None:
    """Keep libvirt from printing each error to stderr: every one is raised as well."""
    libvirt.registerErrorHandler(_ignore, None)


def _translate(error: Any) -> HostFailed | HostUnavailable:
    code = error.get_error_code()
    text = error.get_error_message() or "libvirt gave no reason"
    if code in _NOT_THERE:
        return NoSuchThingError(text)
    if code in _UNSUPPORTED:
        return UnsupportedCallError(text)
    if code in _NO_GUEST_AGENT:
        return GuestAgentSilentError(f"the guest's agent does not answer: {text}")
    if code == libvirt.VIR_ERR_NO_CONNECT:
        return NoDriverError(text)
    if code in _GONE or (
        code in _GONE_FROM_RPC and error.get_error_domain() == libvirt.VIR_FROM_RPC
    ):
        return HostUnavailable(f"libvirt does not answer: {text}")
    # A QEMU that is stuck in the kernel survives SIGKILL for a while.
    if code in _BUSY or (code == libvirt.VIR_ERR_SYSTEM_ERROR and error.get_int1() == errno.EBUSY):
        return HostUnavailable(f"libvirt is busy: {text}")
    return HostFailed(text)


def _ignore(context: object, error: object) -> None:
    """Take libvirt's error and do nothing with it."""
