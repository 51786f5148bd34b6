# SPDX-License-Identifier: Apache-2.0
"""libvirt's numbers in words. The numbers are typed from libvirt-domain.h of libvirt 12.0."""

from __future__ import annotations

import pytest

from agent.hypervisor.words import EventWords, read_state
from agent.model.observation import DomainEvent, Observation, Seen

R, P, H = Seen.RUNNING, Seen.PAUSED, Seen.HELD
O, C, Z = Seen.OFF, Seen.CRASHED, Seen.PMSUSPENDED  # noqa: E741
STATES = [
    (0, 0, H, ""),
    (1, 0, R, "running"),
    (1, 1, R, "booted"),
    (1, 2, R, "migrated from another host"),
    (1, 3, R, "resumed from saved memory"),
    (1, 4, R, "put back to a snapshot"),
    (1, 5, R, "unpaused"),
    (1, 6, R, "its migration was cancelled"),
    (1, 7, R, "saving its memory was cancelled"),
    (1, 8, R, "woken up"),
    (1, 9, R, "running after a crash"),
    (1, 10, R, "migrating"),
    (1, 11, R, "its migration failed"),
    (1, 99, R, ""),
    (2, 0, R, "running"),
    (3, 0, P, "paused"),
    (3, 1, P, "paused by a user"),
    (3, 2, H, "migrating"),
    (3, 3, H, "saving its memory"),
    (3, 4, H, "dumping its memory"),
    (3, 5, H, "an IO error of its disk"),
    (3, 6, H, "its watchdog fired"),
    (3, 7, H, "put back to a snapshot"),
    (3, 8, H, "shutting down"),
    (3, 9, H, "taking a snapshot"),
    (3, 10, H, "the guest crashed"),
    (3, 11, H, "starting"),
    (3, 12, H, "migrating"),
    (3, 13, H, "its migration failed"),
    (3, 14, H, "libvirt could not resume it"),
    (4, 0, R, "shutting down"),
    (4, 1, R, "shutting down"),
    (5, 0, O, "off"),
    (5, 1, O, "shut down"),
    (5, 2, O, "powered off"),
    (5, 3, O, "crashed"),
    (5, 4, O, "migrated to another host"),
    (5, 5, O, "memory saved"),
    (5, 6, O, "failed to start"),
    (5, 7, O, "put back to a snapshot"),
    (5, 8, O, "lost while libvirt was restarted"),
    (6, 0, C, "crashed"),
    (6, 1, C, "the guest's kernel panicked"),
    (7, 0, Z, "put itself to sleep"),
    (99, 0, H, ""),
]
BUSY = {(3, 2), (3, 3), (3, 4), (3, 7), (3, 8), (3, 9), (3, 11)}
"""What libvirt itself is at work on, and will put into another state."""

EVENTS = [
    (0, 0, "defined"),
    (0, 1, "defined: changed"),
    (1, 0, "undefined"),
    (2, 0, "started: booted"),
    (2, 2, "started: resumed from saved memory"),
    (3, 0, "paused"),
    (3, 2, "paused: an IO error of its disk"),
    (4, 0, "resumed"),
    (5, 0, "stopped: shut down"),
    (5, 1, "stopped: powered off"),
    (5, 2, "stopped: the guest crashed"),
    (5, 4, "stopped: memory saved"),
    (5, 5, "stopped: QEMU failed or was killed from outside"),
    (6, 0, "shutting down"),
    (6, 2, "shutting down: ended from outside"),
    (7, 0, "asleep"),
    (8, 0, "crashed: the guest's kernel panicked"),
    (5, 99, "stopped"),
    (99, 0, "changed"),
]


@pytest.mark.parametrize(("state", "reason", "seen", "text"), STATES)
def test_a_state_is_seen_as(state: int, reason: int, seen: Seen, text: str) -> None:
    is_on = seen in {R, P, H, Z}

    is_busy = (state, reason) in BUSY

    looked = read_state(state, reason, domain_id=7, is_saved=False)

    assert looked == Observation(seen, text, 7 if is_on else None, is_busy)


def test_a_domain_that_is_off_with_saved_memory_is_saved() -> None:
    # The reason is lost when libvirtd is restarted: the file decides.
    assert read_state(5, 0, domain_id=-1, is_saved=True) == Observation(Seen.SAVED, "off")


def test_saved_memory_means_nothing_while_the_domain_is_on() -> None:
    assert read_state(1, 1, domain_id=3, is_saved=True).seen is Seen.RUNNING


@pytest.mark.parametrize(("event", "detail", "text"), EVENTS)
def test_an_event_reads(event: int, detail: int, text: str) -> None:
    assert EventWords().describe("a", event, detail) == DomainEvent("a", text)


def test_a_stop_after_the_guests_own_shutdown_says_so() -> None:
    words = EventWords()

    told = [words.describe("a", 6, 1), words.describe("a", 5, 0)]

    assert told == [
        DomainEvent("a", "shutting down: by the guest", guest_shutdown=True),
        DomainEvent("a", "stopped: shut down by the guest", guest_shutdown=True),
    ]


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([(6, 2), (5, 0)], "stopped: ended from outside"),  # QEMU got SIGTERM
        ([(6, 2), (5, 1)], "stopped: powered off"),
        ([(6, 1), (5, 1)], "stopped: powered off"),  # our own destroy was faster
        ([(8, 0), (5, 2)], "stopped: the guest crashed"),
        ([(5, 5)], "stopped: QEMU failed or was killed from outside"),
        ([(3, 0), (5, 4)], "stopped: memory saved"),
    ],
)
def test_no_other_stop_counts_as_the_guests_own(events: list[tuple[int, int]], text: str) -> None:
    words = EventWords()

    told = [words.describe("a", event, detail) for event, detail in events]

    assert told[-1] == DomainEvent("a", text, guest_shutdown=False)


def test_who_ended_one_run_is_forgotten_by_the_next() -> None:
    words = EventWords()
    words.describe("a", 6, 1)
    words.describe("a", 2, 0)

    assert not words.describe("a", 5, 0).guest_shutdown


def test_two_domains_are_not_mixed_up() -> None:
    words = EventWords()
    words.describe("a", 6, 1)

    assert not words.describe("b", 5, 0).guest_shutdown
