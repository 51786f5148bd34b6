# SPDX-License-Identifier: Apache-2.0
"""The engine, as the use cases see it: whether it reaches the servers' host, and that it works."""

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


class Engine(Protocol):
    """What does the tasks that the use cases write."""

    @property
    def reachability(self) -> Reachability:
        """Of the host, as it is now."""
        ...

    def wake(self, server_id: str) -> None:
        """Say that a server wants work. Returns at once."""
        ...

    def interrupt(self, server_id: str) -> None:
        """The same, of one whose running action was pushed aside."""
        ...

    def wait_for_end(self, server_id: str, task_id: int, timeout_s: float) -> None:
        """Block until a task is closed, or its time is up."""
        ...


def check_host(engine: Engine) -> None:
    """Raise `HostUnavailable` while a new action would have to wait."""
    if engine.reachability.is_away:
        raise HostUnavailable(
            "The host's libvirt does not answer now; nothing was begun. Try again in a moment, "
            "and if that does not help, look at libvirt on the host."
        )
