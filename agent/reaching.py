# SPDX-License-Identifier: Apache-2.0
"""Whether the servers' host answers: what use cases ask before they begin what needs it."""

from __future__ import annotations

from typing import Protocol

from agent.errors import HostUnavailable


class Reachability(Protocol):
    """Whether the servers' host answers."""

    @property
    def is_away(self) -> bool:
        """Whether a new action would have to wait."""
        ...

    @property
    def is_known(self) -> bool:
        """Whether what is recorded of its servers can still be believed."""
        ...


def check_host(reachability: Reachability) -> None:
    """Raise `HostUnavailable` while a new action would have to wait."""
    if reachability.is_away:
        raise HostUnavailable(
            "The host's libvirt does not answer now; nothing was begun. Try again in a moment, "
            "and if that does not help, look at libvirt on the host."
        )
