# SPDX-License-Identifier: Apache-2.0
"""Makes the record of a resting server say what its domain is.

One path for events, sweeps and restarts: look afresh, ask the settle table, compare-and-swap. Lost,
doubled and late events therefore change nothing; they only make us look sooner or later.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.actions import ACTIONS
from agent.engine.clock import Clock
from agent.engine.ports import TaskStore
from agent.hypervisor.base import Hypervisor, Reservation
from agent.model.change import ServerChange
from agent.model.metakeys import resume_on_boot, wants_termination
from agent.model.observation import Observation, Seen
from agent.model.server import Fault, Rest, Server
from agent.model.settle import ASLEEP, Policy, Settlement, settle
from agent.model.states import VmState
from agent.model.task import SYSTEM, NewTask

log = logging.getLogger(__name__)

CONFIRMED = "the resize is confirmed: the time in which it could be reverted is over"

LOOK_AGAIN_S = 2.0
"""After a domain was not found once: libvirt may be loading its domains still."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the configuration says of cases that are a choice."""

    started_outside: str = "adopt"
    resume_on_boot: str = "previous"
    resize_confirm_window_s: float = 0  # a resize is confirmed after so long; 0: by users alone
    shelved_offload_after: float = -1  # seconds; negative: never by itself


@dataclass(slots=True)
class Reconciler:
    """Compares what is recorded with what is there."""

    store: TaskStore
    hypervisor: Hypervisor
    clock: Clock
    wishes: Wishes = field(default_factory=Wishes)
    missed: dict[str, float] = field(default_factory=dict)
    """When the domain of a server was found absent first, by the monotonic clock."""

    unreserved: set[str] = field(default_factory=set)
    """Servers whose network has lost their addresses."""

    rebooted: set[str] = field(default_factory=set)
    """Servers not yet looked at since their host was rebooted."""

    def look(self, server: Server, *, guest_shutdown: bool = False) -> float | None:
        """Look at a resting server and settle it; seconds until it wants another look, or None.

        `guest_shutdown` says that libvirt has just told of a guest that shut itself down.
        """
        observed = self.hypervisor.observe(server.id)
        settlement = settle(server.vm_state, observed, self._policy(server, guest_shutdown))
        if observed.seen is not Seen.ABSENT:
            self.missed.pop(server.id, None)
            self._reserve_again(server)
        elif settlement is not None and (early_s := self._until_second_look(server.id)) > 0:
            return early_s
        again_s = None
        if settlement is None:
            self._note_power(server, observed)
        else:
            again_s = self._settle(server, observed, settlement)
        self.missed.pop(server.id, None)
        self.rebooted.discard(server.id)
        return again_s

    def _until_second_look(self, server_id: str) -> float:
        """Seconds until an absent domain is believed to be gone: other looks may come before."""
        now = self.clock.monotonic()
        return self.missed.setdefault(server_id, now) + LOOK_AGAIN_S - now

    def _policy(self, server: Server, guest_shutdown: bool) -> Policy:
        after_boot = resume_on_boot(server.metadata, self.wishes.resume_on_boot)
        return Policy(
            started_outside=self.wishes.started_outside,
            after_boot=after_boot if server.id in self.rebooted else None,
            deletes_itself=guest_shutdown and wants_termination(server.metadata),
            offloads=self._is_due(server.vm_state, server.shelved_at),
        )

    def _is_due(self, vm_state: VmState, shelved_at: datetime | None) -> bool:
        """Whether a server has been shelved for so long that it leaves its host."""
        after_s = self.wishes.shelved_offload_after
        if vm_state is not VmState.SHELVED or shelved_at is None or after_s < 0:
            return False
        return (self.clock.now() - shelved_at).total_seconds() >= after_s

    def _note_power(self, server: Server, observed: Observation) -> None:
        if server.power_state is observed.power_state:
            return
        note = ASLEEP if observed.seen is Seen.PMSUSPENDED else ""
        change = ServerChange(power_state=observed.power_state)
        self.store.settle_server(server.id, server.vm_state, change, note, self.clock.now())

    def _settle(
        self, server: Server, observed: Observation, settlement: Settlement
    ) -> float | None:
        now = self.clock.now()
        change = ServerChange(power_state=observed.power_state, vm_state=settlement.vm_state)
        if settlement.fault is not None:
            change["fault"] = Fault(code=500, message=settlement.fault, created_at=now)
        then = _own_task(server, settlement.then) if settlement.then else None
        note = settlement.note
        if self.store.settle_server(server.id, server.vm_state, change, note, now, then):
            log.info("server %s: %s", server.id, note)
        return 0.0 if then else None

    def _reserve_again(self, server: Server) -> None:
        if server.id in self.unreserved:
            for nic in server.nics:
                self.hypervisor.reserve(nic.network.libvirt_name, Reservation(nic.mac, nic.ip))
            self.unreserved.discard(server.id)

    def sweep(self, host: str) -> list[str]:
        """Compare all servers of the host with one bulk look; the ids of those that differ."""
        seen: Mapping[str, Observation] = self.hypervisor.sweep()
        absent = Observation(Seen.ABSENT)
        return [
            rest.server_id
            for rest in self.store.list_rests(host)
            if rest.task_state is None
            and (
                _differs(rest, seen.get(rest.server_id, absent))
                or self._is_due(rest.vm_state, rest.shelved_at)
            )
        ]

    def confirm_resizes(self, host: str) -> list[str]:
        """Begin to confirm what has been resized for longer than it may be reverted; their ids.

        When that began is in the database, so a restart changes nothing.
        """
        window_s = self.wishes.resize_confirm_window_s
        if not window_s:
            return []
        now = self.clock.now()
        late = self.store.list_unconfirmed(host, now - timedelta(seconds=window_s))
        return [server_id for server_id in late if self._confirm(server_id, now)]

    def _confirm(self, server_id: str, now: datetime) -> bool:
        server = self.store.get_server(server_id)
        then = _own_task(server, "confirmResize")
        return self.store.settle_server(
            server_id, VmState.RESIZED, ServerChange(), CONFIRMED, now, then
        )


def _own_task(server: Server, action: str) -> NewTask:
    """Make the task of an action that nobody but this cloud asks for."""
    row = ACTIONS[action]
    return NewTask(
        request_id=f"req-{uuid.uuid4()}",
        action=row.name,
        user_id=SYSTEM,
        project_id=server.project_id,
        args={},
        deadline_s=row.deadline_s,
        task_state=row.task_state,
    )


def _differs(rest: Rest, observed: Observation) -> bool:
    return (
        settle(rest.vm_state, observed) is not None or rest.power_state is not observed.power_state
    )
