# SPDX-License-Identifier: Apache-2.0
"""A question that may take long is given up after its time, and nobody else waits for it."""

from __future__ import annotations

import threading

import pytest

from agent.aside import THREADS, Aside
from agent.errors import Conflict, HostUnavailable


def test_the_answer_is_the_callees() -> None:
    assert Aside(str.upper, 5.0)("abc") == "ABC"


def test_an_error_of_the_callee_is_the_callers() -> None:
    def refuse(server_id: str) -> None:
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        Aside(refuse, 5.0)("abc")


def test_what_takes_too_long_is_given_up_also_when_all_threads_hang() -> None:
    going_on = threading.Event()
    ask = Aside(lambda server_id: going_on.wait(30), 0.05)

    try:
        for _ in range(THREADS + 1):
            with pytest.raises(HostUnavailable, match="has not answered within"):
                ask("abc")
    finally:
        going_on.set()
