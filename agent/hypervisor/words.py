# SPDX-License-Identifier: Apache-2.0
"""libvirt's numbers for a domain's state and events, in words: tables and pure functions.

The numbers are libvirt's ABI. They are written out because an older libvirt lacks the newer names.
Nothing here calls libvirt.
"""

from __future__ import annotations

from agent.model.observation import DomainEvent, Observation, Seen

STATE_RUNNING = 1
STATE_BLOCKED = 2
STATE_PAUSED = 3
STATE_SHUTDOWN = 4
STATE_SHUTOFF = 5
STATE_CRASHED = 6
STATE_PMSUSPENDED = 7

REASONS: dict[int, tuple[str, ...]] = {
    STATE_RUNNING: (
        "running",
        "booted",
        "migrated from another host",
        "resumed from saved memory",
        "put back to a snapshot",
        "unpaused",
        "its migration was cancelled",
        "saving its memory was cancelled",
        "woken up",
        "running after a crash",
        "migrating",
        "its migration failed",
    ),
    STATE_BLOCKED: ("running",),
    STATE_PAUSED: (
        "paused",
        "paused by a user",
        "migrating",
        "saving its memory",
        "dumping its memory",
        "an IO error of its disk",
        "its watchdog fired",
        "put back to a snapshot",
        "shutting down",
        "taking a snapshot",
        "the guest crashed",
        "starting",
        "migrating",
        "its migration failed",
        "libvirt could not resume it",
    ),
    STATE_SHUTDOWN: ("shutting down", "shutting down"),
    STATE_SHUTOFF: (
        "off",
        "shut down",
        "powered off",
        "crashed",
        "migrated to another host",
        "memory saved",
        "failed to start",
        "put back to a snapshot",
        "lost while libvirt was restarted",
    ),
    STATE_CRASHED: ("crashed", "the guest's kernel panicked"),
    STATE_PMSUSPENDED: ("put itself to sleep", "put itself to sleep"),
}
"""What libvirt's reason for a state means, by its number."""

SHUTOFF_SAVED = 5

# 0 is unknown: somebody stopped the CPUs past libvirt, and any user may let them go on.
_PAUSED_BY_A_USER = {0, 1}

# Migrating, saving, dumping, putting back or taking a snapshot, shutting down, starting.
_PAUSED_BY_WORK = {2, 3, 4, 7, 8, 9, 11}

_SEEN: dict[int, Seen] = {
    STATE_RUNNING: Seen.RUNNING,
    STATE_BLOCKED: Seen.RUNNING,
    STATE_PAUSED: Seen.HELD,
    STATE_SHUTDOWN: Seen.RUNNING,
    STATE_SHUTOFF: Seen.OFF,
    STATE_CRASHED: Seen.CRASHED,
    STATE_PMSUSPENDED: Seen.PMSUSPENDED,
}

EVENT_STARTED = 2
EVENT_STOPPED = 5
EVENT_SHUTDOWN = 6

EVENTS: dict[int, tuple[str, tuple[str, ...]]] = {
    0: ("defined", ("", "changed", "renamed", "put back to a snapshot")),
    1: ("undefined", ("", "renamed")),
    EVENT_STARTED: (
        "started",
        (
            "booted",
            "migrated from another host",
            "resumed from saved memory",
            "put back to a snapshot",
            "woken up",
        ),
    ),
    3: (
        "paused",
        (
            "",
            "migrating",
            "an IO error of its disk",
            "its watchdog fired",
            "resumed from saved memory",
            "put back to a snapshot",
            "libvirt could not resume it",
            "migrating",
            "its migration failed",
        ),
    ),
    4: (
        "resumed",
        # The third one also after each restore of saved memory.
        ("", "migrated", "from what was saved", "migrating", "its migration failed"),
    ),
    EVENT_STOPPED: (
        "stopped",
        (
            "shut down",
            "powered off",
            "the guest crashed",
            "migrated to another host",
            "memory saved",
            "QEMU failed or was killed from outside",
            "put back to a snapshot",
        ),
    ),
    EVENT_SHUTDOWN: ("shutting down", ("", "by the guest", "ended from outside")),
    7: ("asleep", ("", "on disk")),
    8: ("crashed", ("the guest's kernel panicked", "the guest loaded its crash kernel")),
}
"""The lifecycle events: what happened, and why by the number of the detail."""

_BY_THE_GUEST = 1
_STOPPED_BY = {
    _BY_THE_GUEST: "stopped: shut down by the guest",
    2: "stopped: ended from outside",
}


def read_state(state: int, reason: int, *, domain_id: int, is_saved: bool) -> Observation:
    """Put libvirt's state into an observation; `is_saved` counts only for a domain that is off."""
    seen = _SEEN.get(state, Seen.HELD)
    if state == STATE_PAUSED and reason in _PAUSED_BY_A_USER:
        seen = Seen.PAUSED
    if seen is Seen.OFF and is_saved:
        seen = Seen.SAVED
    reasons = REASONS.get(state, ())
    text = reasons[reason] if 0 <= reason < len(reasons) else ""
    is_busy = state == STATE_PAUSED and reason in _PAUSED_BY_WORK
    observation = Observation(seen, text, domain_id, is_busy)
    return observation if observation.is_on else Observation(seen, text)


class EventWords:
    """Puts lifecycle events into words. Of one thread: without a lock.

    libvirt says who ended a guest in SHUTDOWN only, and a STOPPED that says merely "shut down"
    follows: the two are joined here.
    """

    def __init__(self) -> None:
        self._ended_by: dict[str, int] = {}

    def describe(self, server_id: str, event: int, detail: int) -> DomainEvent:
        """Put one event into words, remembering who ended the guest until it has stopped."""
        if event == EVENT_SHUTDOWN:
            self._ended_by[server_id] = detail
            by_guest = detail == _BY_THE_GUEST
            return DomainEvent(server_id, _event_text(event, detail), guest_shutdown=by_guest)
        if event not in {EVENT_STARTED, EVENT_STOPPED}:
            return DomainEvent(server_id, _event_text(event, detail))
        ended_by = self._ended_by.pop(server_id, 0)
        if (event, detail) != (EVENT_STOPPED, 0) or ended_by not in _STOPPED_BY:
            return DomainEvent(server_id, _event_text(event, detail))
        by_guest = ended_by == _BY_THE_GUEST
        return DomainEvent(server_id, _STOPPED_BY[ended_by], guest_shutdown=by_guest)


def _event_text(event: int, detail: int) -> str:
    word, details = EVENTS.get(event, ("changed", ()))
    why = details[detail] if 0 <= detail < len(details) else ""
    return f"{word}: {why}" if why else word
