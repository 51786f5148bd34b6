# SPDX-License-Identifier: Apache-2.0
"""The README's table of statuses, made of the table of actions and of the settle table."""

from __future__ import annotations

from collections.abc import Iterator

from agent.actions import ACTIONS, Action, OnFailure, status
from agent.model.observation import Seen
from agent.model.settle import SETTLE
from agent.model.states import RESTING_STATUS, Status, VmState

BEGIN, END = "<!-- statuses, from agent/actions.py -->\n", "<!-- end of statuses -->\n"
HEAD = """\
| status | reached by | left by |
|---|---|---|
"""

NAMES = {
    "reboot": "reboot (soft)",
    "reboot_hard": "reboot (hard)",
    "changePassword": "change password",
    "resetState": "reset state",
    "confirmResize": "confirm resize",
    "revertResize": "revert resize",
    "trigger_crash_dump": "crash dump",
    "createImage": "create image",
    "createBackup": "create backup",
    "shelveOffload": "shelve offload",
    "attach_interface": "attach interface",
    "detach_interface": "detach interface",
}
"""What the README calls actions, where it is not their own name."""

ENDS = {
    "rebuild": {VmState.ACTIVE, VmState.STOPPED},
    "resize": {VmState.RESIZED},
    "confirmResize": {VmState.ACTIVE, VmState.STOPPED},
    "revertResize": {VmState.ACTIVE, VmState.STOPPED},
    "resetState": {VmState.ACTIVE, VmState.ERROR},
    "shelve": {state for state in VmState if state.value.startswith("shelved")},
}
"""Where actions may end whose row does not say it. Others leave a server where it was."""

SEEN = {
    Seen.RUNNING: "runs",
    Seen.PAUSED: "is paused",
    Seen.OFF: "is off",
    Seen.SAVED: "is saved",
    Seen.CRASHED: "has crashed",
    Seen.ABSENT: "is gone",
}

KNOWN_AGAIN = "the host's answer"
AT_ITS_END = "its end: "
NEVER = "–"


def render_table() -> str:
    """The whole table, one row a status."""
    rows = ((word, ", ".join(_reached(word)), ", ".join(_left(word)) or NEVER) for word in Status)
    return HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def _reached(word: Status) -> Iterator[str]:
    """What makes a server show a status."""
    if word is Status.UNKNOWN:
        yield "no answer of its host for `unknown_after` seconds"
        return
    resting = _resting(word)
    for action in ACTIONS.values():
        if action.status_meanwhile is word or resting & _ends(action):
            yield _name(action)
        elif _undo_status(action) is word:
            yield f"{_name(action)} that fails"
    if VmState.ERROR in resting:
        failing = [_name(each) for each in ACTIONS.values() if each.on_failure is OnFailure.FAULT]
        yield f"a failed {', '.join(failing[:-1])} or {failing[-1]}"
    seen = [
        SEEN[seen] for seen in Seen if any(cells.get(seen) in resting for cells in SETTLE.values())
    ]
    if seen:
        yield f"its domain {' or '.join(seen)}"


def _left(word: Status) -> Iterator[str]:
    """What ends it."""
    if word is Status.UNKNOWN:
        yield KNOWN_AGAIN
        yield "delete"
        return
    meanwhile = [action for action in ACTIONS.values() if action.status_meanwhile is word]
    if meanwhile:
        ends = {RESTING_STATUS[end] for action in meanwhile for end in _ends(action)}
        yield AT_ITS_END + " or ".join(sorted(ends))
        if any(action.on_failure is OnFailure.FAULT for action in meanwhile):
            yield "ERROR when it fails"
        elif any(_undo_status(action) for action in meanwhile):
            undone = {shown for action in meanwhile if (shown := _undo_status(action))}
            yield f"{' or '.join(sorted(undone))} when it fails"
    resting = _resting(word)
    if not resting or resting == {VmState.DELETED}:
        return
    for action in ACTIONS.values():
        if action in meanwhile:
            continue
        moves = _ends(action) - resting or action.status_meanwhile
        if moves and (action.allowed_from is None or resting & action.allowed_from):
            yield _name(action)
    seen = [SEEN[seen] for state in VmState if state in resting for seen in SETTLE[state]]
    if seen:
        yield f"its domain {' or '.join(seen)}"


def _resting(word: Status) -> set[VmState]:
    return {state for state, shown in RESTING_STATUS.items() if shown is word}


def _ends(action: Action) -> set[VmState]:
    return {action.end} if action.end else set(ENDS.get(action.name, ()))


def _undo_status(action: Action) -> Status | None:
    """What is shown while a failure of the action is undone, if it has a word of its own."""
    if action.undo_task_state is None:
        return None
    (shown,) = {status(state, action.undo_task_state) for state in action.status_from}
    return shown


def _name(action: Action) -> str:
    return NAMES.get(action.name, action.name)
