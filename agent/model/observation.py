# SPDX-License-Identifier: Apache-2.0
"""What was seen of a server's domain at one moment, in words that hold no libvirt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.model.states import PowerState


class Seen(StrEnum):
    """What a domain looks like from outside: the columns of the settle table."""

    RUNNING = "running"
    PAUSED = "paused by a user"
    HELD = "paused for another reason"  # saving, migrating, an IO error: left alone
    OFF = "off"
    SAVED = "off with saved memory"
    CRASHED = "crashed"
    PMSUSPENDED = "pmsuspended"
    ABSENT = "absent"


POWER_STATE: dict[Seen, PowerState] = {
    Seen.RUNNING: PowerState.RUNNING,
    Seen.PAUSED: PowerState.PAUSED,
    Seen.HELD: PowerState.PAUSED,
    Seen.OFF: PowerState.SHUTDOWN,
    Seen.SAVED: PowerState.SHUTDOWN,
    Seen.CRASHED: PowerState.CRASHED,
    Seen.PMSUSPENDED: PowerState.SUSPENDED,
    Seen.ABSENT: PowerState.NOSTATE,
}


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a domain."""

    seen: Seen
    reason: str = ""  # libvirt's reason in plain words: "shut down by the guest", "crashed", …
    domain_id: int | None = None  # changes at every start; None when off
    is_busy: bool = False  # libvirt itself is at work on it (saving, starting, …): it will change

    @property
    def is_on(self) -> bool:
        """Whether a QEMU process holds the guest (running, paused or asleep)."""
        return self.seen in {Seen.RUNNING, Seen.PAUSED, Seen.HELD, Seen.PMSUSPENDED}

    @property
    def power_state(self) -> PowerState:
        """The number that `OS-EXT-STS:power_state` shows for this."""
        return POWER_STATE[self.seen]


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """What libvirt told about one domain: a hint to look afresh, and a line of its history."""

    server_id: str
    text: str  # "stopped: shut down by the guest"
    guest_shutdown: bool = False  # the guest itself asked for the power to go
