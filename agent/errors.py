# SPDX-License-Identifier: Apache-2.0
"""Every error that a user may read, as one short tree.

An error carries a sentence for its reader and nothing of HTTP: `api/faults.py` holds the one table
from these classes to codes, and the engine the one rule of which of them is tried again.

    AgentError
    ├─ BadRequest        the request is malformed; the message names the field
    ├─ Unauthorized      no valid token, or wrong credentials
    ├─ Forbidden         a limit or a policy refuses it
    │  └─ OverQuota
    │     └─ LimitExceeded   a thing has as many parts as it may have
    ├─ TooManyTries      it was tried too often: wait for the seconds that it names
    ├─ NotFound          no such thing, or it belongs to another project
    ├─ Conflict          the thing exists and is in the wrong state
    │  └─ NoCapacity     no host has room for it
    ├─ NotSupported      the standard has it, this cloud does not
    ├─ HostUnavailable   libvirt does not answer now: try again later
    └─ HostFailed        libvirt, QEMU or the disk refused: trying again will not help
"""

from __future__ import annotations


class AgentError(Exception):
    """Base of all errors whose text a user may read."""

    retry_after_s: int | None = None  # when trying again may help

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(AgentError):
    """The request is malformed; the message names the field and the rule."""


class Unauthorized(AgentError):
    """There is no valid token, or the credentials are wrong."""


class Forbidden(AgentError):
    """A limit or a policy refuses the request."""


class OverQuota(Forbidden):
    """The project has used up what it may use; the message has the numbers."""


class LimitExceeded(OverQuota):
    """One thing has as many parts (properties, tags, members) as it may have."""


class TooManyTries(AgentError):
    """It was tried too often of late; the message has the seconds to wait."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotFound(AgentError):
    """No such thing, or it belongs to another project: the two look alike on purpose."""


class Conflict(AgentError):
    """The thing is in a state in which this can't be done."""


class NoCapacity(Conflict):
    """No host has room; the message has the numbers."""


class NotSupported(AgentError):
    """The standard has this, this cloud does not."""


class HostUnavailable(AgentError):
    """libvirt does not answer now, or is busy; the engine tries again later."""

    retry_after_s = 5  # libvirt is back within that time after a restart


class HostFailed(AgentError):
    """libvirt, QEMU or the host's disk refused; trying the same again will not help."""


class GuestSilent(HostFailed):
    """The guest's agent does not answer: there is none, or the guest has not booted yet."""
