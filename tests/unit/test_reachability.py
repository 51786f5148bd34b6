# SPDX-License-Identifier: Apache-2.0
"""Whether the host answers, by a clock that the test turns."""

from __future__ import annotations

from agent.engine.reachability import Reachability
from tests.fast.smallcloud import HandClock


def test_a_host_that_nobody_has_looked_for_is_not_away() -> None:
    reachability = Reachability(HandClock().monotonic, 30)

    assert (reachability.is_away, reachability.is_known) == (False, True)


def test_a_lost_host_is_away_at_once_and_unknown_after_its_time() -> None:
    clock = HandClock()
    reachability = Reachability(clock.monotonic, 30)
    seen = []
    for advance_s in (0, 29.9, 0.1):
        clock.advance(advance_s)
        reachability.lost()
        seen.append((reachability.is_away, reachability.is_known))
    reachability.found()

    assert seen == [(True, True), (True, True), (True, False)]
    assert (reachability.is_away, reachability.is_known) == (False, True)


def test_a_host_that_is_lost_again_has_its_whole_time_again() -> None:
    clock = HandClock()
    reachability = Reachability(clock.monotonic, 30)
    reachability.lost()
    clock.advance(20)
    reachability.found()
    reachability.lost()
    clock.advance(20)

    assert reachability.is_known
