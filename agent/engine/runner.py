# SPDX-License-Identifier: Apache-2.0
"""Runs one server's open task as far as it goes now.

    open task ──> next step ──> done: recorded, on to the next ──> all done: finished
                      │
                      ├─ Later ────────────> comes again after its time, or when an event wakes it
                      ├─ HostUnavailable ──> comes again with backoff; its deadline moves
                      └─ failed ──> the error is written ──> undone in reverse ──> finished

Everything that matters is in the task's rows, so a restart goes on from there: after the recorded
steps, or with the undoing. Each write says whether the task is still ours; when it is not (a delete
closed it), the runner drops it without a word.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.actions import ACTIONS, Action, OnFailure
from agent.engine.clock import Clock
from agent.engine.ports import TaskStore
from agent.errors import AgentError, HostUnavailable
from agent.model.change import ServerChange
from agent.model.observation import POWER_STATE, Seen
from agent.model.server import Fault
from agent.model.states import VmState
from agent.model.task import StepRecord, Task
from agent.workflows.step import Context, Later, Step, Tools

log = logging.getLogger(__name__)

CrashHook = Callable[[str], None]
"""Called at "<action>/<step>/<before|after|recorded>": where the tests kill the process."""

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 10.0

QUICK_S = 4.0
"""An action that is done sooner shows no progress on its way: the `openstack` client prints what it
sees at once, then every 5 seconds, in the midst of its own output, which scripts read."""

_SEEN_AT_END = {
    VmState.ACTIVE: Seen.RUNNING,
    VmState.STOPPED: Seen.OFF,
    VmState.PAUSED: Seen.PAUSED,
    VmState.SUSPENDED: Seen.SAVED,
    VmState.RESCUED: Seen.RUNNING,
    VmState.DELETED: Seen.ABSENT,
}


@dataclass(slots=True)
class Runner:
    """Drives tasks; holds nothing that a crash would lose but the counts of retries."""

    store: TaskStore
    tools: Tools
    clock: Clock
    hook: CrashHook
    on_finished: Callable[[], None] = lambda: None
    retries: dict[int, int] = field(default_factory=dict)  # in a row, by task
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, server_id: str) -> float | None:
        """Take the server's open task as far as it goes; seconds until it wants to go on, or None.

        Blocks for as long as its steps do.
        """
        while not self.stopping.is_set():
            task = self.store.find_open_task(server_id)
            if task is None:
                break
            after_s = self._advance(task)
            if after_s is not None:
                return after_s
        return None

    def _advance(self, task: Task) -> float | None:
        """Do one thing for the task; seconds to wait before the next, None to go on at once."""
        action = ACTIONS.get(task.action)
        if action is None or not _knows_all_steps(action, task):
            return self._finish_unknown(task)
        if task.error is not None:
            return self._undo(task, action)
        step = _next_step(action, task)
        if step is None:
            return self._finish(task, action)
        if self.clock.now() >= task.deadline_at and action.on_failure is not OnFailure.RETRY:
            late = f"It did not finish within {action.deadline_s:.0f} seconds."
            return self._fail(task, late)
        began = self.clock.monotonic()
        try:
            return self._step(task, action, step)
        except HostUnavailable as error:
            return self._postpone(task, error, lost_s=self.clock.monotonic() - began)
        except AgentError as error:
            if action.on_failure is OnFailure.RETRY:
                return self._postpone(task, error)
            return self._fail(task, error.message)

    def _step(self, task: Task, action: Action, step: Step) -> float | None:
        point = f"{action.name}/{step.name}"
        since = task.steps[-1].finished_at if task.steps else task.started_at
        began = self.clock.monotonic()
        self.hook(f"{point}/before")
        outcome = step.do(
            Context(
                server=self.store.get_server(task.server_id),
                task=task,
                tools=self.tools,
                elapsed_s=(self.clock.now() - since).total_seconds(),
            )
        )
        self.hook(f"{point}/after")
        if isinstance(outcome, Later):
            return outcome.after_s
        change = outcome.change.copy()
        following = _following(action, task, step, outcome.result)
        change["task_state"] = (following or step).task_state or action.task_state
        if step.progress is not None and self._takes_long(task):
            change["progress"] = step.progress
        if self.store.record_step(task.id, step.name, self.clock.now(), change, outcome.result):
            took_ms = (self.clock.monotonic() - began) * 1000
            log.info("%s: step %s done in %.1f ms", _about(task), step.name, took_ms)
        self.hook(f"{point}/recorded")
        self.retries.pop(task.id, None)
        return None

    def _takes_long(self, task: Task) -> bool:
        return (self.clock.now() - task.started_at).total_seconds() >= QUICK_S

    def _finish(self, task: Task, action: Action) -> float | None:
        now = self.clock.now()
        server = self.store.get_server(task.server_id)
        end = (action.end_of(task) if action.end_of else action.end) or server.vm_state
        change = ServerChange(vm_state=end, **_without_rescue(end))
        if end in _SEEN_AT_END:
            change["power_state"] = POWER_STATE[_SEEN_AT_END[end]]
        if end is VmState.DELETED:
            change["deleted_at"] = change["terminated_at"] = now
            change["progress"] = 0
        elif end is not VmState.ERROR:
            change["fault"] = None
        if end in {VmState.ACTIVE, VmState.RESIZED}:
            change["progress"] = 100
        if end is VmState.ACTIVE and server.launched_at is None:
            change["launched_at"] = now
        self.hook(f"{action.name}/finish/before")
        if self.store.finish_task(task.id, change, now):
            took_s = (now - task.started_at).total_seconds()
            log.info("%s: done in %.3f s, the server is %s", _about(task), took_s, end)
            self.on_finished()
        self.hook(f"{action.name}/finish/recorded")
        self.retries.pop(task.id, None)
        return None

    def _fail(self, task: Task, error: str) -> float | None:
        action = ACTIONS.get(task.action)
        shows = action.undo_task_state if action else None
        if self.store.fail_task(task.id, error, self.clock.now(), shows):
            log.warning("%s: failed: %s", _about(task), error)
        return None

    def fail_open(self, server_id: str, error: str) -> None:
        """Fail the server's open task from outside: its own code broke."""
        task = self.store.find_open_task(server_id)
        if task is not None and task.error is None:
            self._fail(task, error)

    def _undo(self, task: Task, action: Action) -> float | None:
        for step in _to_undo(action, task):
            self.hook(f"{action.name}/{step.name}/undo-before")
            try:
                self._undo_step(task, step)
            except HostUnavailable as error:
                return self._postpone(task, error)
            except AgentError as error:
                log.warning("%s: undoing %s failed: %s", _about(task), step.name, error)
            if not self.store.record_undo(task.id, step.name, self.clock.now()):
                return None
            self.hook(f"{action.name}/{step.name}/undo-recorded")
        return self._finish_failed(task, action)

    def _undo_step(self, task: Task, step: Step) -> None:
        if step.undo is None:
            return
        step.undo(Context(self.store.get_server(task.server_id), task, self.tools, elapsed_s=0.0))
        log.info("%s: step %s undone", _about(task), step.name)

    def _finish_failed(self, task: Task, action: Action) -> float | None:
        now = self.clock.now()
        vm_state = self.store.get_server(task.server_id).vm_state
        change = ServerChange()
        if action.on_failure is OnFailure.AS_BEFORE and action.end and _is_sealed(action, task):
            change["vm_state"] = vm_state = action.end  # what it is for was done
        change.update(_without_rescue(vm_state))
        if vm_state is VmState.ACTIVE:
            change["progress"] = 100
        if action.on_failure is OnFailure.FAULT:
            change["vm_state"] = VmState.ERROR
            failed = _next_step(action, task)
            change["fault"] = Fault(
                code=500,
                message=task.error or "",
                created_at=now,
                mended_by=failed.mended_by if failed else "",
            )
        if self.store.finish_task(task.id, change, now):
            self.on_finished()
        return None

    def _finish_unknown(self, task: Task) -> float | None:
        """End a task that an older or newer version began and this one cannot go on with."""
        now = self.clock.now()
        error = (
            f"This version does not know how to go on with '{task.action}', which another "
            "version began. Delete the server, or go back to that version."
        )
        log.error("%s: %s", _about(task), error)
        self.store.fail_task(task.id, error, now)
        fault = Fault(code=500, message=error, created_at=now)
        self.store.finish_task(task.id, ServerChange(vm_state=VmState.ERROR, fault=fault), now)
        return None

    def resume(self, task: Task) -> None:
        """Give a task that was left open its whole time again: nobody worked on it meanwhile."""
        action = ACTIONS.get(task.action)
        if action is not None:
            late_s = (self.clock.now() - task.deadline_at).total_seconds() + action.deadline_s
            self.store.postpone_deadline(task.id, max(0.0, late_s))

    def _postpone(self, task: Task, error: AgentError, lost_s: float = 0.0) -> float:
        tries = self.retries.get(task.id, 0)
        self.retries[task.id] = tries + 1
        after_s = min(LAST_RETRY_S, FIRST_RETRY_S * float(2 ** min(tries, 10)))
        log.warning("%s: again in %.1f s: %s", _about(task), after_s, error)
        self.store.postpone_deadline(task.id, lost_s + after_s)
        return after_s


def _without_rescue(vm_state: VmState) -> ServerChange:
    """Let go of the image that a server was rescued with, unless it is in rescue."""
    return ServerChange() if vm_state is VmState.RESCUED else ServerChange(rescue=None)


def _knows_all_steps(action: Action, task: Task) -> bool:
    names = {step.name for step in action.workflow}
    return all(record.name in names for record in task.steps)


def _next_step(action: Action, task: Task) -> Step | None:
    done = {record.name for record in task.steps}
    left = (step for step in action.workflow if step.name not in done)
    return next((step for step in left if step.only_if is None or step.only_if(task)), None)


def _following(
    action: Action, task: Task, step: Step, result: Mapping[str, str | int]
) -> Step | None:
    """The step that comes when this one is recorded."""
    record = StepRecord(step.name, task.started_at, result)
    return _next_step(action, replace(task, steps=(*task.steps, record)))


def _is_sealed(action: Action, task: Task) -> bool:
    """Whether a step is recorded after which a failure undoes nothing."""
    done = {record.name for record in task.steps}
    return any(step.seals and step.name in done for step in action.workflow)


def _to_undo(action: Action, task: Task) -> Sequence[Step]:
    """The steps whose effect may be there, last first; none once a sealing step is recorded."""
    if _is_sealed(action, task):
        return ()
    done = {record.name for record in task.steps}
    failed = _next_step(action, task)
    begun = [step for step in action.workflow if step.name in done or step is failed]
    return [step for step in reversed(begun) if step.name not in task.undone]


def _about(task: Task) -> str:
    return f"[{task.request_id}] {task.action} of server {task.server_id}"
