# SPDX-License-Identifier: Apache-2.0
"""Requests that only look are answered one after the other, and nobody waits for long."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from agent.turns import TURN, in_turn

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LONG_S = 20.0


@dataclass
class Office:
    """An application in which the first request stays until it is let go."""

    gives_turn_up: bool = False
    is_first_in: threading.Event = field(default_factory=threading.Event)
    may_leave: threading.Event = field(default_factory=threading.Event)
    answered: list[str] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        name = environ["PATH_INFO"]
        if name == "first":
            if self.gives_turn_up:
                environ[TURN].end()
            self.is_first_in.set()
            assert self.may_leave.wait(LONG_S)
        if name == "broken":
            raise RuntimeError(name)
        self.answered.append(name)
        return [name.encode()]


def ask(application: WSGIApplication, name: str, method: str = "GET") -> Iterable[bytes]:
    return application({"PATH_INFO": name, "REQUEST_METHOD": method}, start)  # type: ignore[arg-type]


def start(*args: object) -> None:
    """Nobody looks at the status."""


def ask_while_the_first_stays(office: Office, wait_s: float, method: str) -> list[str]:
    """Who was answered in which order; the second may not wait for the first for ever."""
    application = in_turn(office, wait_s)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ask, application, "first")
        assert office.is_first_in.wait(LONG_S)
        second = threads.submit(ask, application, "second", method)
        if wait_s < LONG_S or office.gives_turn_up or method != "GET":
            second.result(LONG_S)
        office.may_leave.set()
        first.result(LONG_S)
        second.result(LONG_S)
    return office.answered


def test_who_looks_waits_for_those_before() -> None:
    assert ask_while_the_first_stays(Office(), LONG_S, "GET") == ["first", "second"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_who_changes_something_waits_for_nobody(method: str) -> None:
    assert ask_while_the_first_stays(Office(), LONG_S, method) == ["second", "first"]


def test_nobody_waits_for_one_that_hangs() -> None:
    assert ask_while_the_first_stays(Office(), 0.01, "GET") == ["second", "first"]


def test_one_that_waits_for_something_slow_lets_others_in() -> None:
    assert ask_while_the_first_stays(Office(gives_turn_up=True), LONG_S, "GET") == [
        "second",
        "first",
    ]


def test_a_turn_ends_with_an_error_too() -> None:
    application = in_turn(Office(), LONG_S)
    with pytest.raises(RuntimeError):
        ask(application, "broken")
    assert list(ask(application, "next")) == [b"next"]
