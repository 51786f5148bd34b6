# SPDX-License-Identifier: Apache-2.0
"""Moves are read off tasks: what each was, and how it ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from agent.model.move import MoveFilter, read_moves
from agent.model.task import Task

START = datetime(2026, 1, 1, tzinfo=UTC)
SERVER = "00000000-0000-4000-8000-000000000001"


def task(number: int, action: str, end: str = "done", server: str = SERVER) -> Task:
    """A task that began `number` minutes after the start; `end` is done, open or failed."""
    began = START + timedelta(minutes=number)
    return Task(
        id=number,
        request_id=f"req-{number}",
        server_id=server,
        action=action,
        user_id="ann",
        project_id="blue",
        args={"flavor": json.dumps({"id": "2"}), "old_flavor_id": "1"}
        if action == "resize"
        else {},
        started_at=began,
        deadline_at=began,
        finished_at=None if end == "open" else began + timedelta(seconds=10),
        error="it broke" if end == "failed" else None,
    )


@pytest.mark.parametrize(
    ("tasks", "status"),
    [
        ([("resize", "open")], "migrating"),
        ([("resize", "failed")], "error"),
        ([("resize", "done")], "finished"),
        ([("resize", "done"), ("confirmResize", "open")], "confirming"),
        ([("resize", "done"), ("confirmResize", "done")], "confirmed"),
        ([("resize", "done"), ("confirmResize", "failed")], "finished"),
        ([("resize", "done"), ("revertResize", "open")], "reverting"),
        ([("resize", "done"), ("revertResize", "done")], "reverted"),
        ([("resize", "done"), ("revertResize", "failed"), ("confirmResize", "done")], "confirmed"),
        ([("resize", "failed"), ("confirmResize", "done")], "error"),
    ],
)
def test_a_move_is_what_its_tasks_made_of_it(tasks: list[tuple[str, str]], status: str) -> None:
    rows = [(task(number, *each), "a") for number, each in enumerate(tasks, 1)]

    (move,) = read_moves(rows)

    assert (move.id, move.kind, move.status, move.host) == (1, "resize", status, "a")
    assert (move.new_flavor_id, move.old_flavor_id) == ("2", "1")
    assert move.created_at == START + timedelta(minutes=1)


def test_each_resize_is_a_move_of_its_own() -> None:
    other = SERVER[:-1] + "2"
    rows = [
        (task(1, "resize"), "a"),
        (task(2, "resize", server=other), "b"),
        (task(3, "confirmResize"), "a"),
        (task(4, "resize"), "a"),
        (task(5, "revertResize", server=other), "b"),
    ]

    moves = read_moves(rows)

    assert [(move.id, move.status) for move in moves] == [
        (1, "confirmed"),
        (2, "reverted"),
        (4, "finished"),
    ]
    assert len({move.uuid for move in moves}) == 3
    assert [move.uuid for move in read_moves(rows)] == [move.uuid for move in moves]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (MoveFilter(), [1, 2]),
        (MoveFilter(status="finished"), [2]),
        (MoveFilter(host="b"), [2]),
        (MoveFilter(server_id=SERVER), [1, 2]),
        (MoveFilter(server_id="x"), []),
        (MoveFilter(kind="migration"), []),
        (MoveFilter(project_id="blue", user_id="ann"), [1, 2]),
        (MoveFilter(project_id="red"), []),
        (MoveFilter(changes_since=START + timedelta(minutes=2)), [2]),
        (MoveFilter(changes_before=START + timedelta(minutes=1, seconds=10)), [1]),
    ],
)
def test_filters_let_through(wanted: MoveFilter, ids: list[int]) -> None:
    moves = read_moves([(task(1, "resize", "failed"), "a"), (task(2, "resize"), "b")])

    assert [move.id for move in moves if wanted.lets_through(move)] == ids
