# SPDX-License-Identifier: Apache-2.0
"""What becomes of a resting server when its domain is seen in some state: one table, pure.

The table's rows are vm_states, its columns what was seen (DESIGN: "Truth"). A cell that is missing
means: leave the server as it is. Who calls this makes sure that no task is open, and that an absent
domain was looked for twice while libvirt was healthy. Where somebody has a choice, a `Policy` says
what he chose.
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
    VmState.SHELVED: {},
    VmState.SHELVED_OFFLOADED: {},
}

GONE = (
    "The server's domain is gone from libvirt: it was undefined by something else than this cloud. "
    "Its disk is kept. Delete the server, or ask the administrator to repair it."
)

ASLEEP = "the guest put itself to sleep; a hard reboot wakes it"
"""What is noted of a server that stays where it is, though its guest sleeps."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What was chosen where there is a choice, for one server at one moment."""

    started_outside: str = "adopt"  # or "enforce": a server that was stopped is stopped again
    after_boot: str | None = None  # under a new boot id: "previous", "never" or "always"
    deletes_itself: bool = False  # its guest has just shut itself down, and that is to end it
    offloads: bool = False  # it has been shelved for long enough


NO_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where a server comes to rest, and why, in a line for its history."""

    vm_state: VmState
    note: str
    fault: str | None = None  # the text of the fault, when it ends in ERROR
    then: str | None = None  # the action of the table that begins at once


def settle(
    vm_state: VmState, observed: Observation, policy: Policy = NO_POLICY
) -> Settlement | None:
    """Say where a resting server comes to rest after this look; None leaves it where it is."""
    chosen = _choose(vm_state, observed.seen, policy)
    if chosen is not None:
        return chosen
    settled = SETTLE[vm_state].get(observed.seen)
    if settled is None:
        return None
    reason = f" ({observed.reason})" if observed.reason else ""
    lost = (
        "; its saved memory is gone" if vm_state is VmState.SUSPENDED and _is_off(observed) else ""
    )
    return Settlement(
        vm_state=settled,
        note=f"{vm_state} -> {settled}: the domain is {observed.seen}{reason}{lost}",
        fault=GONE if settled is VmState.ERROR else None,
    )


def is_correction(line: str) -> bool:
    """Whether a line of a server's history is a note from here; else libvirt told it."""
    return line == ASLEEP or any(line.startswith(f"{vm_state} -> ") for vm_state in VmState)


_WAS_ON = frozenset({VmState.ACTIVE, VmState.PAUSED})


def _is_off(observed: Observation) -> bool:
    return observed.seen in {Seen.OFF, Seen.CRASHED}


def _choose(vm_state: VmState, seen: Seen, policy: Policy) -> Settlement | None:
    """The cells of the table that a policy may fill otherwise."""
    if policy.offloads and vm_state is VmState.SHELVED and seen in {Seen.OFF, Seen.ABSENT}:
        note = "shelved -> shelveOffload: shelved_offload_after is over"
        return Settlement(vm_state, note, then="shelveOffload")
    was_on = vm_state in _WAS_ON
    rebooted = f"the host was rebooted, and resume_on_boot is {policy.after_boot}"
    if policy.after_boot in {"previous", "always"} and was_on:
        if seen in {Seen.OFF, Seen.CRASHED}:
            note = f"{vm_state} -> stopped -> start: {rebooted}"
            return Settlement(VmState.STOPPED, note, then="start")
        if seen is Seen.SAVED:
            note = f"{vm_state} -> suspended -> resume: {rebooted}"
            return Settlement(VmState.SUSPENDED, note, then="resume")
    if policy.after_boot == "always" and vm_state is VmState.STOPPED and seen is Seen.OFF:
        return Settlement(vm_state, f"stopped -> start: {rebooted}", then="start")
    if policy.deletes_itself and was_on and seen is Seen.OFF:
        note = f"{vm_state} -> delete: the guest shut itself down, and shutdown_terminate is set"
        return Settlement(vm_state, note, then="delete")
    if policy.started_outside == "enforce" and vm_state is VmState.STOPPED and seen is Seen.RUNNING:
        note = "stopped -> stop: the domain was started outside, and started_outside is enforce"
        return Settlement(vm_state, note, then="stop")
    return None
