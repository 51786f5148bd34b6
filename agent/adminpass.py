# SPDX-License-Identifier: Apache-2.0
"""The use case of a server's `adminPass`: taken or made up with a build, and changed later.

Whoever asked is told the password once, in the answer. What is kept is a crypt hash or, for guests
that take none, a sealed text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from agent.actions import ACTIONS
from agent.asking import Asking, admission, new_task
from agent.errors import BadRequest, Conflict
from agent.model.password import (
    LOCKED,
    Credential,
    PasswordRule,
    account_of,
    find_form_problem,
    is_windows,
)
from agent.model.server import Server
from agent.model.states import VmState
from agent.reaching import Engine, check_host
from agent.store import Store
from agent.workflows.password import PATIENCE

PATIENCE_S = 5.0
"""So long a request waits for what a guest's agent says; then it is answered that it is begun."""

BOOT_S = 60.0
"""So long after a server was last acted on its guest may still be booting."""


@dataclass(frozen=True, slots=True)
class ChosenPassword:
    """A new server's password."""

    clear: str = field(repr=False)  # for the answer alone
    credential: Credential
    refused: str | None = None  # why the guest does not get it


@dataclass(frozen=True, slots=True)
class AdminPass:
    """Passwords of servers, for a caller."""

    store: Store
    rule: PasswordRule
    hash_password: Callable[[str], str]
    seal: Callable[[str], str]
    now: Callable[[], datetime]
    engine: Engine

    def choose(self, given: str | None, image_properties: Mapping[str, str]) -> ChosenPassword:
        """Take the password that was given for a build, or make one up.

        One that breaks the rule is not refused (seed, "adminPass"): the guest has its account
        locked, and the server will be in ERROR. `BadRequest` for a text that is no password.
        """
        user = account_of(image_properties)
        if given is None:
            made = self.rule.make_password()
            return ChosenPassword(made, self._hide(made, user, image_properties))
        _check_form(given)
        refused = self.rule.find_problem(given)
        if refused is not None:
            return ChosenPassword(given, Credential(user, hash=LOCKED), refused)
        return ChosenPassword(given, self._hide(given, user, image_properties))

    def take(self, given: str | None, image_properties: Mapping[str, str]) -> ChosenPassword:
        """Take the password that was given for a system, or make one up.

        `BadRequest` for one that breaks the rule, or for a text that is no password.
        """
        chosen = self.choose(given, image_properties)
        if chosen.refused is not None:
            raise BadRequest(f"adminPass: {chosen.refused}")
        return chosen

    def change(self, asking: Asking, server_id: str, password: str) -> None:
        """Have a running guest's agent set a password. Blocks for some seconds at most.

        The agent of a guest that has been switched on less than a minute ago is waited for: what
        takes longer than the answer goes on, and its end stands in the server's actions.
        It also mends a server whose build was given a password that breaks the rule. `BadRequest`
        for one that breaks it again; `Conflict` in Nova's words, with the cause, when no agent
        sets it: then the server is as before. `HostUnavailable` when libvirt is away.
        """
        check_host(self.engine)
        server = self.store.servers.get(server_id, project_id=asking.scope)
        _check_form(password)
        problem = self.rule.find_problem(password)
        if problem is not None:
            raise BadRequest(f"adminPass: {problem}")
        properties = server.image_properties
        hidden = self._hide(password, account_of(properties), properties)
        row = ACTIONS["changePassword"]
        args = {name: value for name, value in asdict(hidden).items() if value is not None}
        args[PATIENCE] = self._boots_for_s(server_id)
        task = self.store.servers.begin(
            server_id,
            new_task(asking, row, args),
            admission(asking, row),
            now=self.now(),
        )
        self.engine.wake(server_id)
        self.engine.wait_for_end(server_id, task.id, PATIENCE_S)
        done = next(each for each in self.store.servers.list_tasks(server_id) if each.id == task.id)
        if done.error is not None:
            raise Conflict(_explain(server, done.error))

    def _boots_for_s(self, server_id: str) -> int:
        """So many seconds a guest may go on booting, by what was done to its server last."""
        ends = [
            task.finished_at
            for task in self.store.servers.list_tasks(server_id)
            if task.action != "changePassword" and task.finished_at is not None
        ]
        age_s = (self.now() - max(ends)).total_seconds() if ends else BOOT_S
        return max(0, int(BOOT_S - age_s))

    def _hide(self, password: str, user: str, image_properties: Mapping[str, str]) -> Credential:
        if is_windows(image_properties):
            return Credential(user, sealed=self.seal(password))
        return Credential(user, hash=self.hash_password(password))


def _check_form(password: str) -> None:
    problem = find_form_problem(password)
    if problem is not None:
        raise BadRequest(f"adminPass: {problem}")


def _explain(server: Server, cause: str) -> str:
    text = f"Failed to set admin password on {server.id} because {cause.rstrip('.')}."
    if server.vm_state is VmState.ERROR:
        text += (
            " Wait until the guest has booted. If it has no agent, rebuild the server with a "
            "password that keeps the rule."
        )
    return text
