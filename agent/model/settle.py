# SPDX-License-Identifier: Apache-2.0
"""What becomes of a resting server when its domain is seen in some state: one table, pure.

The table's rows are vm_states, its columns what was seen (DESIGN: "Truth"). A cell that is missing
means: leave the server as it is. Who calls this makes sure that no task is open, and that an absent
domain was looked for twice while libvirt was healthy.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.model.observation import Observation, Seen
from agent.model.states import VmState

SETTLE: dict[VmState, dict[Seen, VmState]] = {
    VmState.ACTIVE: {
        Seen.PAUSED: VmState.PAUSED,
        Seen.OFF: VmState.STOPPED,
        Seen.SAVED: VmState.SUSPENDED,
        Seen.CRASHED: VmState.STOPPED,
        Seen.ABSENT: VmState.ERROR,
    },
    VmState.STOPPED: {
        Seen.RUNNING: VmState.ACTIVE,
        Seen.PAUSED: VmState.PAUSED,
        Seen.ABSENT: VmState.ERROR,
    },
    VmState.PAUSED: {
        Seen.RUNNING: VmState.ACTIVE,
        Seen.OFF: VmState.STOPPED,
        Seen.SAVED: VmState.SUSPENDED,
        Seen.CRASHED: VmState.STOPPED,
        Seen.ABSENT: VmState.ERROR,
    },
    VmState.SUSPENDED: {
        Seen.RUNNING: VmState.ACTIVE,
        Seen.PAUSED: VmState.PAUSED,
        Seen.OFF: VmState.STOPPED,
        Seen.CRASHED: VmState.STOPPED,
        Seen.ABSENT: VmState.ERROR,
    },
    VmState.BUILDING: {},
    VmState.RESCUED: {},
    VmState.RESIZED: {},
    VmState.ERROR: {},
    VmState.DELETED: {},
}

GONE = (
    "The server's domain is gone from libvirt: it was undefined by something else than this cloud. "
    "Its disk is kept. Delete the server, or ask the administrator to repair it."
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where a server comes to rest, and why, in a line for its history."""

    vm_state: VmState
    note: str
    fault: str | None = None  # the text of the fault, when it ends in ERROR


def settle(vm_state: VmState, observed: Observation) -> Settlement | None:
    """Say where a resting server comes to rest after this look; None leaves it where it is."""
    settled = SETTLE[vm_state].get(observed.seen)
    if settled is None:
        return None
    reason = f" ({observed.reason})" if observed.reason else ""
    return Settlement(
        vm_state=settled,
        note=f"{vm_state} -> {settled}: the domain is {observed.seen}{reason}",
        fault=GONE if settled is VmState.ERROR else None,
    )
