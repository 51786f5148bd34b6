# SPDX-License-Identifier: Apache-2.0
"""The README's table of statuses is what the tables of the code say, and has all of them."""

from __future__ import annotations

import pytest

from agent.actions import ACTIONS
from tests.readme import README
from tests.readme_statuses import BEGIN, END, ENDS, render_table

SEED = """
    ACTIVE BUILD DELETED ERROR HARD_REBOOT PASSWORD PAUSED REBOOT REBUILD RESCUE RESIZE
    REVERT_RESIZE SHELVED SHELVED_OFFLOADED SHUTOFF SUSPENDED UNKNOWN VERIFY_RESIZE
"""
"""The statuses that the standard has and this cloud shows."""


def test_the_table_of_statuses_is_made_of_the_tables(request: pytest.FixtureRequest) -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    shown, _, after = rest.partition(END)
    table = render_table()

    if request.config.getoption("--regenerate"):
        README.write_text(before + BEGIN + table + END + after)
        shown = table

    assert shown == table


def test_each_status_is_reached_and_left() -> None:
    rows = [line.strip("| ").split(" | ") for line in render_table().splitlines()[2:]]

    assert {*SEED.split()} <= {row[0] for row in rows}
    assert all(reached and left for _, reached, left in rows)
    assert [row[0] for row in rows if row[2] == "–"] == ["DELETED"]


def test_only_what_has_no_end_in_its_row_is_given_one() -> None:
    assert not [name for name in ENDS if name in ACTIONS and ACTIONS[name].end]
