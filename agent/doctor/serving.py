# SPDX-License-Identifier: Apache-2.0
"""Who serves the state folder now, and who else sits where it is to listen."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass

from agent.config import LOOPBACK, split_listen
from agent.doctor.finding import Finding, Level
from agent.doctor.listeners import find_holder, list_listeners
from agent.doctor.scene import Scene
from agent.doctor.tree import UNIT_FOLDERS
from agent.errors import Conflict, NotFound
from agent.locks import FolderLock

NAME = "service"

ANSWER_S = 3.0

UNIT = "cumulet.service"


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """The lock and the port."""

    listen: str
    config: str
    server: str | None = None  # the pid of the process that holds the state folder's lock
    listener: str | None = None  # whoever listens at the port; "" when it can't be told who
    answers: bool = False  # `cumulet serve` does, there
    has_unit: bool = False  # systemd knows how to start it


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    return judge(look(scene)) if scene.is_set_up else iter(())


def find_server(scene: Scene) -> str | None:
    """The pid of the process that serves the state folder, or None."""
    try:
        FolderLock(scene.layout.lock, "{pid}").look()
    except Conflict as busy:
        return busy.message
    except NotFound:
        return None
    return None


def look(scene: Scene) -> ServiceFacts:
    """Look at the lock and the port, and ask for a sign of life; blocks for 3 s at most."""
    host, port = split_listen(scene.config.listen)
    listener = None
    for found in list_listeners(scene.tree, port):
        near = found.address == host or found.is_for_all or host in LOOPBACK
        if found.protocol == "tcp" and near:
            listener = find_holder(scene.tree, found.inode) or ""
    return ServiceFacts(
        listen=scene.config.listen,
        config=str(scene.config_path),
        server=find_server(scene),
        listener=listener,
        answers=_answers(LOOPBACK.get(host, host), port),
        has_unit=any(scene.tree.has(f"{folder}/{UNIT}") for folder in UNIT_FOLDERS),
    )


def judge(facts: ServiceFacts) -> Iterator[Finding]:
    """Say whether it is served, and if not whether it could be."""
    who = facts.listener or "another process"
    if facts.server is not None and facts.answers:
        seen = f"`cumulet serve` answers at {facts.listen} (process {facts.server})"
        yield Finding(NAME, Level.OK, seen)
    elif facts.server is not None:
        seen = f"`cumulet serve` (process {facts.server}) does not answer at {facts.listen}"
        fix = (
            "If `listen` was changed, restart it. Else see what it says, and end it: "
            f"`kill {facts.server}`."
        )
        yield Finding(NAME, Level.PROBLEM, seen, fix)
    elif facts.listener is not None:
        seen = f"nothing serves the state folder, and {who} listens at {facts.listen}"
        fix = f"End that one, or write another `listen` into {facts.config}."
        yield Finding(NAME, Level.PROBLEM, seen, fix)
    else:
        seen = "nothing serves the state folder now; servers run on, but nobody answers for them"
        start = (
            f"systemctl start {UNIT}"
            if facts.has_unit
            else f"cumulet serve --config {facts.config}"
        )
        yield Finding(NAME, Level.NOTE, seen, f"`{start}`")


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
