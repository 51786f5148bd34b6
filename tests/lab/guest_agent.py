# SPDX-License-Identifier: Apache-2.0
"""Looks and acts inside a guest, through the agent that runs in it: no network is needed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from tests.lab.commands import CommandError
from tests.lab.waiting import wait_for

TIMEOUT_S = 30.0


class HasVirsh(Protocol):
    """Whatever can ask the guest's libvirt."""

    def virsh(self, *arguments: str) -> str:
        """Run a command of virsh and give what it printed; `CommandError` when it fails."""
        ...


@dataclass(frozen=True, slots=True)
class GuestAgent:
    """The agent of one guest."""

    host: HasVirsh
    uuid: str

    def run(self, program: str, *arguments: str, timeout_s: float = TIMEOUT_S) -> tuple[int, str]:
        """Run a program to its end; return exit code and output."""
        command = {"path": program, "arg": list(arguments), "capture-output": True}
        pid = int(str(self._ask("guest-exec", command)["pid"]))

        def look() -> Mapping[str, object] | None:
            status = self._ask("guest-exec-status", {"pid": pid})
            return status if status["exited"] else None

        status = wait_for(look, timeout_s=timeout_s, what=f"{program} to end in {self.uuid}")
        output = base64.b64decode(str(status.get("out-data", "")))
        return int(str(status["exitcode"])), output.decode()

    def shell(self, script: str, timeout_s: float = TIMEOUT_S) -> str:
        """Run a shell script that must succeed, and return what it printed."""
        code, output = self.run("/bin/sh", "-c", script, timeout_s=timeout_s)
        assert code == 0, (script, code, output)
        return output.strip()

    def start(self, script: str) -> int:
        """Start a shell script and let it run, also to the guest's end; return its pid."""
        command = {"path": "/bin/sh", "arg": ["-c", script]}
        return int(str(self._ask("guest-exec", command)["pid"]))

    def bid_farewell(self, script: str) -> None:
        """Start a shell script that may end the guest before its agent has answered."""
        command = {"path": "/bin/sh", "arg": ["-c", script]}
        with suppress(CommandError):
            self._ask("guest-exec", command)

    def _ask(self, command: str, arguments: Mapping[str, object]) -> dict[str, object]:
        request = json.dumps({"execute": command, "arguments": arguments})
        answer = self.host.virsh("qemu-agent-command", self.uuid, request)
        returned = json.loads(answer)["return"]
        if not isinstance(returned, dict):
            raise TypeError(f"{command} answered {answer!r}")
        return returned
