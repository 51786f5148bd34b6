# SPDX-License-Identifier: Apache-2.0
"""The settle table, against a literal one typed from the design."""

from __future__ import annotations

import pytest

from agent.hypervisor.words import EventWords
from agent.model.observation import Observation, Seen
from agent.model.settle import ASLEEP, Policy, is_correction, settle
from agent.model.states import VmState

# Rows are vm_states; "-" leaves the server as it is.
EXPECTED = """
            running  paused   held  off      saved      crashed  pmsuspended  absent
active      -        paused   -     stopped  suspended  stopped  -            error
stopped     active   paused   -     -        -          -        -            error
paused      active   -        -     stopped  suspended  stopped  -            error
suspended   active   paused   -     stopped  -          stopped  -            error
building    -        -        -     -        -          -        -            -
rescued     -        -        -     -        -          -        -            -
resized     -        -        -     -        -          -        -            -
error       -        -        -     -        -          -        -            -
deleted     -        -        -     -        -          -        -            -
shelved     -        -        -     -        -          -        -            -
shelved_offloaded -  -        -     -        -          -        -            -
"""
COLUMNS = {
    "running": Seen.RUNNING,
    "paused": Seen.PAUSED,
    "held": Seen.HELD,
    "off": Seen.OFF,
    "saved": Seen.SAVED,
    "crashed": Seen.CRASHED,
    "pmsuspended": Seen.PMSUSPENDED,
    "absent": Seen.ABSENT,
}


def cells() -> list[tuple[str, str, str]]:
    header, *rows = [line.split() for line in EXPECTED.strip().splitlines()]
    return [
        (row[0], seen, cell) for row in rows for seen, cell in zip(header, row[1:], strict=True)
    ]


def test_the_expected_table_is_whole() -> None:
    assert {row for row, _, _ in cells()} == set(VmState)
    assert {COLUMNS[seen] for _, seen, _ in cells()} == set(Seen)


@pytest.mark.parametrize(("vm_state", "seen", "expected"), cells())
def test_a_resting_server_settles(vm_state: str, seen: str, expected: str) -> None:
    settlement = settle(VmState(vm_state), Observation(COLUMNS[seen]))

    assert (settlement.vm_state if settlement else "-") == expected


def test_the_note_keeps_the_reason_of_libvirt() -> None:
    settlement = settle(VmState.ACTIVE, Observation(Seen.OFF, "crashed"))

    assert settlement is not None
    assert settlement.note == "active -> stopped: the domain is off (crashed)"


def test_a_lost_domain_is_a_fault_that_says_what_to_do() -> None:
    settlement = settle(VmState.ACTIVE, Observation(Seen.ABSENT))

    assert settlement is not None
    assert settlement.fault is not None
    assert "gone from libvirt" in settlement.fault
    assert "Delete the server" in settlement.fault


def test_the_note_says_what_a_lost_save_means() -> None:
    settlement = settle(VmState.SUSPENDED, Observation(Seen.OFF, "shut down"))

    assert settlement is not None
    assert settlement.note.endswith("the domain is off (shut down); its saved memory is gone")


# What a policy adds: vm_state, what is seen, the policy -> where it rests and what begins.
OFF, SAVED, RUNNING, CRASHED = Seen.OFF, Seen.SAVED, Seen.RUNNING, Seen.CRASHED
CHOICES = [
    ("active", OFF, Policy(after_boot="previous"), ("stopped", "start")),
    ("active", CRASHED, Policy(after_boot="previous"), ("stopped", "start")),
    ("paused", OFF, Policy(after_boot="previous"), ("stopped", "start")),
    ("active", SAVED, Policy(after_boot="previous"), ("suspended", "resume")),
    ("stopped", OFF, Policy(after_boot="previous"), None),
    ("suspended", SAVED, Policy(after_boot="previous"), None),
    ("active", RUNNING, Policy(after_boot="previous"), None),
    ("error", OFF, Policy(after_boot="always"), None),
    ("active", OFF, Policy(after_boot="always"), ("stopped", "start")),
    ("stopped", OFF, Policy(after_boot="always"), ("stopped", "start")),
    ("suspended", SAVED, Policy(after_boot="always"), None),
    ("active", OFF, Policy(after_boot="never"), ("stopped", None)),
    ("active", SAVED, Policy(after_boot="never"), ("suspended", None)),
    ("stopped", OFF, Policy(after_boot="never"), None),
    ("active", OFF, Policy(deletes_itself=True), ("active", "delete")),
    ("paused", OFF, Policy(deletes_itself=True), ("paused", "delete")),
    ("active", CRASHED, Policy(deletes_itself=True), ("stopped", None)),
    ("active", RUNNING, Policy(deletes_itself=True), None),
    ("stopped", OFF, Policy(deletes_itself=True), None),
    ("stopped", RUNNING, Policy(started_outside="enforce"), ("stopped", "stop")),
    ("suspended", RUNNING, Policy(started_outside="enforce"), ("active", None)),
    ("active", OFF, Policy(started_outside="enforce"), ("stopped", None)),
]


@pytest.mark.parametrize(("vm_state", "seen", "policy", "expected"), CHOICES)
def test_a_policy_fills_the_cells_that_are_a_choice(
    vm_state: str, seen: Seen, policy: Policy, expected: tuple[str, str | None] | None
) -> None:
    settlement = settle(VmState(vm_state), Observation(seen), policy)

    assert (settlement and (settlement.vm_state, settlement.then)) == expected


POLICIES = [
    Policy(),
    Policy(started_outside="enforce"),
    Policy(deletes_itself=True),
    *(Policy(after_boot=choice) for choice in ("previous", "never", "always")),
]


def test_every_note_is_known_as_a_correction() -> None:
    settlements = [
        settle(vm_state, Observation(seen, reason), policy)
        for vm_state in VmState
        for seen in Seen
        for reason in ("", "crashed")
        for policy in POLICIES
    ]
    notes = {settlement.note for settlement in settlements if settlement}

    assert len(notes) > 30
    assert all(map(is_correction, {*notes, ASLEEP}))


def test_nothing_that_libvirt_tells_is_taken_for_a_correction() -> None:
    words = EventWords()
    texts = {
        words.describe("id", event, detail).text for event in range(12) for detail in range(12)
    }

    assert len(texts) > 30
    assert not any(map(is_correction, texts))
