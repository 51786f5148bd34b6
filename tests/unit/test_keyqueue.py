# SPDX-License-Identifier: Apache-2.0
"""The queue that gives each server one owner."""

from __future__ import annotations

import threading

from agent.engine.keyqueue import KeyQueue


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_key_added_often_is_taken_once() -> None:
    queue = KeyQueue(Hand())
    queue.add("a")
    queue.add("a")

    assert queue.take_due() == "a"
    assert queue.take_due() is None


def test_a_key_added_while_it_is_owned_comes_again_when_given_back() -> None:
    queue = KeyQueue(Hand())
    queue.add("a")
    assert queue.take_due() == "a"
    queue.add("a")

    assert queue.take_due() is None
    queue.give_back("a")
    assert queue.take_due() == "a"


def test_the_sooner_of_two_times_wins() -> None:
    hand = Hand()
    queue = KeyQueue(hand)
    queue.add("a", after_s=5)
    queue.add("a", after_s=2)
    queue.add("a", after_s=9)

    assert queue.next_due() == 2
    assert queue.take_due() is None
    hand.at = 2
    assert queue.take_due() == "a"


def test_the_key_that_is_due_the_longest_goes_first() -> None:
    hand = Hand()
    queue = KeyQueue(hand)
    queue.add("late", after_s=2)
    queue.add("early", after_s=1)
    hand.at = 3

    assert [queue.take_due(), queue.take_due()] == ["early", "late"]


def test_a_waiting_taker_is_woken_by_a_key_and_by_the_end() -> None:
    queue = KeyQueue(lambda: 0.0)
    taken: list[str | None] = []

    def work() -> None:
        while (key := queue.take()) is not None:
            taken.append(key)
            queue.give_back(key)
            if len(taken) == 2:
                queue.close()
        taken.append(None)

    thread = threading.Thread(target=work)
    thread.start()
    queue.add("a")
    queue.add("b")
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert sorted(taken[:2], key=str) == ["a", "b"]
    assert taken[2] is None
