# SPDX-License-Identifier: Apache-2.0
"""A history as text: its columns, its durations, and what a name must not do to a terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.history import Entry, History, Kind
from agent.model.server import Fault
from agent.model.states import PowerState, TaskState, VmState
from agent.timeline import render_duration, render_history
from tests.unit.store.makers import NOW, make_server

SERVER = replace(
    make_server(server_id="9ed9be4c-6f28-4aee-b1f8-8a7ab0ae2f5e"),
    vm_state=VmState.ACTIVE,
    task_state=TaskState.POWERING_OFF,
    power_state=PowerState.RUNNING,
    host="lab1",
)
ENTRIES = (
    Entry(NOW, Kind.REQUEST, "stop by ann, req-1"),
    Entry(NOW + timedelta(seconds=1), Kind.STEP, "press", 0.012),
    Entry(NOW + timedelta(seconds=2), Kind.LIBVIRT, "stopped: shut down by the guest"),
    Entry(NOW + timedelta(days=1), Kind.RUNNING, "stop in step shut_down", 86400.0),
)


def rendered(history: History, width: int | None = None) -> list[str]:
    return [line.plain for line in render_history(history, width=width)]


def test_the_columns_of_a_history() -> None:
    assert rendered(History(SERVER, "ann", ENTRIES)) == [
        "server    web (9ed9be4c-6f28-4aee-b1f8-8a7ab0ae2f5e)",
        "status    ACTIVE (vm_state active, task_state powering-off, power_state running)",
        "host      lab1",
        "created   2026-03-01 12:00:00 UTC by ann",
        "",
        "2026-03-01 UTC",
        "12:00:00.123  request      stop by ann, req-1",
        "12:00:01.123  step           press, 12 ms",
        "12:00:02.123  libvirt      stopped: shut down by the guest",
        "",
        "2026-03-02 UTC",
        "12:00:00.123  running      stop in step shut_down for 24 h 00 min",
    ]


def test_what_is_special_of_a_server_is_a_line_of_its_own() -> None:
    special = replace(
        SERVER,
        host=None,
        deleted_at=NOW,
        locked_by="admin",
        fault=Fault(500, "the host\nsays no", NOW),
    )

    assert rendered(History(special, "ann", ()))[2:] == [
        "host      none: it was never placed",
        "created   2026-03-01 12:00:00 UTC by ann",
        "deleted   2026-03-01 12:00:00 UTC",
        "locked    by the admin",
        "fault     2026-03-01 12:00:00 UTC: the host says no",
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry(NOW, Kind.DONE, "stop", 2.0), "stop in 2.00 s"),
        (Entry(NOW, Kind.FAILED, "stop in step press", 2.0, "no."), "stop in step press after "),
        (Entry(NOW, Kind.INTERRUPTED, "stop", 2.0, "by delete"), "stop after 2.00 s, by delete"),
        (Entry(NOW, Kind.RUNNING, "stop", 2.0, "no."), "stop for 2.00 s: no."),
        (Entry(NOW, Kind.CORRECTED, "active -> stopped"), "active -> stopped"),
    ],
)
def test_each_kind_has_its_words(entry: Entry, said: str) -> None:
    (*_, line) = rendered(History(SERVER, "ann", (entry,)))

    assert line.startswith(f"12:00:00.123  {entry.kind:11}  {said}")


def test_a_long_line_goes_on_below_its_beginning() -> None:
    why = "Not enough space to save the memory: 4096 MiB are needed and 1024 MiB are free."
    entry = Entry(NOW, Kind.FAILED, "suspend in step check_room", 0.002, why)
    (*_, line) = rendered(History(SERVER, "ann", (entry,)), 80)

    lines = line.split("\n")
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert all(below.startswith(" " * 27) for below in lines[1:])
    assert " ".join(line.split()).endswith(why)


def test_a_name_cannot_paint_the_terminal() -> None:
    painter = replace(SERVER, name="web\x1b[2J\nstatus    ACTIVE\u202e")
    first, second, *_ = rendered(History(painter, "ann", ()))

    assert first == f"server    web\ufffd[2J status ACTIVE\ufffd ({SERVER.id})"
    assert second.startswith("status    ACTIVE (")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.0124, "12 ms"),
        (0.9996, "1.00 s"),
        (59.99, "59.99 s"),
        (59.999, "1 min 00 s"),
        (61.4, "1 min 01 s"),
        (3599.6, "1 h 00 min"),
        (12000.0, "3 h 20 min"),
    ],
)
def test_a_duration_has_the_unit_that_fits(seconds: float, text: str) -> None:
    assert render_duration(seconds) == text
