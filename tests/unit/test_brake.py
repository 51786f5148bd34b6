# SPDX-License-Identifier: Apache-2.0
"""Failed logins: what they cost the next one."""

from __future__ import annotations

import pytest

from agent.errors import TooManyTries
from agent.identity import Brake
from agent.identity.brake import MAX_ENTRIES
from tests.fast.smallcloud import HandClock


def wait_of(brake: Brake, address: str = "10.0.0.1", user: str = "ann") -> int:
    """The seconds that the next login has to wait."""
    try:
        brake.check(address, user)
    except TooManyTries as error:
        return error.retry_after_s or 0
    return 0


def test_the_wait_doubles_up_to_half_a_minute() -> None:
    clock = HandClock()
    brake = Brake(clock.monotonic)
    waits = []
    for _ in range(12):
        brake.note_failure("10.0.0.1", "ann")
        waits.append(wait_of(brake))
        clock.advance(30)

    assert waits == [0, 0, 0, 0, 2, 3, 5, 9, 17, 31, 31, 31]


def test_others_do_not_wait() -> None:
    brake = Brake(HandClock().monotonic)
    for _ in range(9):
        brake.note_failure("10.0.0.1", "ann")

    assert wait_of(brake, "10.0.0.2") == 0
    assert wait_of(brake, user="bob") == 0


def test_one_address_that_tries_all_users_waits_too() -> None:
    brake = Brake(HandClock().monotonic)
    for number in range(50):
        brake.note_failure("10.0.0.1", f"user {number}")

    assert wait_of(brake, user="bob") == 2
    assert wait_of(brake, "10.0.0.2", "bob") == 0


def test_who_was_let_in_from_there_does_not_wait_for_others() -> None:
    brake = Brake(HandClock().monotonic)
    brake.note_success("10.0.0.1", "bob")
    for number in range(50):
        brake.note_failure("10.0.0.1", f"user {number}")

    assert wait_of(brake, user="bob") == 0
    assert wait_of(brake, user="ann") == 2


def test_a_success_and_a_quarter_of_an_hour_forgive() -> None:
    clock = HandClock()
    brake = Brake(clock.monotonic)
    for _ in range(5):
        brake.note_failure("10.0.0.1", "ann")
        brake.note_failure("10.0.0.1", "bob")
    brake.note_success("10.0.0.1", "ann")

    assert (wait_of(brake), wait_of(brake, user="bob")) == (0, 2)
    clock.advance(901)
    assert brake.note_failure("10.0.0.1", "bob") == 1


def test_nobody_can_fill_the_memory() -> None:
    brake = Brake(HandClock().monotonic)
    for number in range(MAX_ENTRIES + 50):
        brake.note_failure(f"10.{number // 2**16}.{number // 256 % 256}.{number % 256}", "ann")

    assert len(brake._failures) == MAX_ENTRIES


@pytest.mark.parametrize("name", ["", "ann"])
def test_the_words_say_how_long(name: str) -> None:
    brake = Brake(HandClock().monotonic)
    for _ in range(60):
        brake.note_failure("10.0.0.1", name)

    with pytest.raises(TooManyTries, match=r"Wait \d+ s, then try again"):
        brake.check("10.0.0.1", name)
