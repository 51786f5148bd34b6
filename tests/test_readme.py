# SPDX-License-Identifier: Apache-2.0
"""The README says what is so. That its commands work is seen in `tests/real/test_readme.py`."""

from __future__ import annotations

import re

import pytest

from agent.actions import ACTIONS, EVERYTHING, Action, OnFailure, status
from agent.model.states import RESTING_STATUS, VmState
from tests.readme import ELSEWHERE, HOSTS, README, ROOT, UNTRIED, read_commands, read_sections
from tests.readme_statuses import NAMES

BEGIN, END = "<!-- from agent/actions.py -->\n", "<!-- end -->\n"
HEAD = """\
| action | allowed when | shown meanwhile | afterwards | when it fails |
|---|---|---|---|---|
"""
FAILED = {
    OnFailure.FAULT: "ERROR, with a fault",
    OnFailure.AS_BEFORE: "as before",
    OnFailure.RETRY: "tried again",
    OnFailure.NEVER: "–",
}

AFTERWARDS = {
    "attach_interface": "as before, with one interface more",
    "detach_interface": "as before, with one interface less",
    "rebuild": "ACTIVE; SHUTOFF as before",
    "resize": "VERIFY_RESIZE",
    "confirmResize": "ACTIVE or SHUTOFF, as its guest is",
    "revertResize": "as before the resize",
    "trigger_crash_dump": "as before",
    "createImage": "as before, and there is a new image",
    "createBackup": "as before; there is a new image, and the oldest are gone",
    "shelve": "SHELVED_OFFLOADED, after SHELVED for `shelved_offload_after`",
    "lock": "as before; others than administrators change nothing",
    "unlock": "as before",
    "resetState": "ACTIVE or ERROR, as the administrator says",
}


def render_row(action: Action) -> str:
    """An action as the README's table has it: in the API's words for a server's status."""
    if action.allowed_from is None:
        allowed = "always"
    else:
        states = [x for x in VmState if x in action.allowed_from and x is not VmState.BUILDING]
        allowed = ", ".join(RESTING_STATUS[state] for state in states) or "–"
    if action.mends:
        allowed = allowed.replace(", ERROR", "; ERROR after a build whose password was refused")
    if action.interrupts == EVERYTHING:
        allowed += ", over any other action"
    elif action.interrupts:
        allowed += ", over a stuck reboot, pause or suspend too"
    meanwhile = action.status_meanwhile or "as before"
    end = RESTING_STATUS[action.end] if action.end else AFTERWARDS[action.name]
    failed = FAILED[action.on_failure]
    if action.undo_task_state:
        failed += f"; {status(VmState.ACTIVE, action.undo_task_state)} while it is undone"
    cells = (
        NAMES.get(action.name, action.name),
        allowed,
        meanwhile,
        end,
        failed,
    )
    return f"| {' | '.join(cells)} |\n"


def test_the_table_of_actions_is_the_table(request: pytest.FixtureRequest) -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    shown, _, after = rest.partition(END)
    table = HEAD + "".join(map(render_row, ACTIONS.values()))

    if request.config.getoption("--regenerate"):
        README.write_text(before + BEGIN + table + END + after)
        shown = table

    assert shown == table


def test_the_first_screen_shows_a_real_session() -> None:
    first_screen = "\n".join(README.read_text().splitlines()[:40])

    assert "\n```console\n$ cumulet init\n" in first_screen
    assert "\n$ openstack server create " in first_screen
    assert "\n$ openstack server list" in first_screen


def test_the_order_is_that_of_a_readers_questions() -> None:
    assert list(read_sections()) == [
        "Try it",
        "Install",
        "Configure",
        "What works",
        "When something is wrong",
        "Remove",
        "Design",
        "Develop",
    ]


def test_the_design_fits_on_a_page() -> None:
    assert len(read_sections()["Design"].splitlines()) <= 60


def test_commands_that_are_run_elsewhere_are_run_there() -> None:
    for command, (path, text) in ELSEWHERE.items():
        assert text in (ROOT / path).read_text(), command
        assert command in [each.text for each in read_commands()]


def test_commands_that_are_not_run_here_are_in_the_readme() -> None:
    assert {*HOSTS, *UNTRIED} <= {each.text for each in read_commands()}
    assert all(UNTRIED.values())


def test_the_verbs_of_make_are_those_of_the_makefile() -> None:
    shown = dict(re.findall(r"^\| `make ([a-z]+)` \| (.+) \|$", read_sections()["Develop"], re.M))
    lines = re.findall(r"^([a-z]+):[^#\n]*##  ?(.+)$", (ROOT / "Makefile").read_text(), re.M)

    assert shown == {verb: says for verb, says in lines if verb != "help"}
