# SPDX-License-Identifier: Apache-2.0
"""A private host and a whole cloud on it, shared by the tests of a module."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.model.task import Task
from agent.store import Store
from tests.lab.cloud import Api, LiveCloud
from tests.lab.guest_agent import GuestAgent
from tests.lab.passage import serving_inside
from tests.lab.private_host import PrivateHost
from tests.lab.tiny_guest import tiny_image
from tests.lab.waiting import wait_for

EVENT_S = 2.0  # so soon after an event its status must show; the sweep is an hour away
BOOT_S = 180.0


@dataclass(frozen=True, slots=True)
class RealCloud:
    """A running cloud, the host below it, and a client that is logged in."""

    host: PrivateHost
    live: LiveCloud
    api: Api
    image_id: str

    def create(self, name: str = "real", **fields: Any) -> str:
        """Create a server and give its id."""
        return self.api.create_server(name, self.image_id, **fields)

    def active(self, name: str = "real", **fields: Any) -> str:
        """Create a server, wait until it is ACTIVE and give its id."""
        server_id = self.create(name, **fields)
        self.api.wait_for_status(server_id, "ACTIVE")
        return server_id

    def booted(self, name: str = "real", **fields: Any) -> str:
        """Create a server, wait until its guest has booted and give its id."""
        server_id = self.active(name, **fields)
        self.wait_for_boot(server_id, 1)
        return server_id

    def delete(self, server_id: str) -> None:
        """Delete a server and wait until it is gone."""
        self.api.request("DELETE", f"/compute/v2.1/servers/{server_id}")
        self.api.wait_until_gone(server_id)

    def boots(self, server_id: str) -> int:
        """How often the guest has booted, by the counter on its disk."""
        counted = re.findall(r"TINY-RC \S+ boots=(\d+)", self.api.console(server_id))
        return int(counted[-1]) if counted else 0

    def wait_for_boot(self, server_id: str, boots: int) -> str:
        """Wait until the guest has booted for the n-th time; what that boot has printed."""
        boot = re.compile(rf"TINY-RC \S+ boots={boots}\b.*TINY-READY", re.DOTALL)

        def look() -> str | None:
            found = boot.search(self.api.console(server_id))
            return found[0] if found else None

        what = f"boot {boots} of server {server_id}"
        return wait_for(look, timeout_s=BOOT_S, poll_s=0.1, what=what)

    def guest(self, server_id: str) -> GuestAgent:
        """Where programs run inside a guest that has booted."""
        return GuestAgent(self.host, server_id)

    def shows(self, server_id: str, status: str, after: str, *, within_s: float = EVENT_S) -> None:
        """Assert that the server comes to show a status soon `after` what has just been done."""
        began = time.monotonic()
        self.api.wait_for_status(server_id, status, timeout_s=within_s)
        print(f"{after} -> {status}: shown after {time.monotonic() - began:.2f} s")

    def wait_for_log(self, text: str, count: int = 1) -> None:
        """Wait until `cumulet serve` has said something so often."""
        wait_for(
            lambda: self.live.log.read_text().count(text) >= count,
            timeout_s=60,
            what=f"{text!r} in the log, {count} times",
        )

    def history(self, server_id: str) -> list[str]:
        """What the cloud has noted of a server."""
        with self._store() as store:
            return [text for _, text in store.servers.list_events(server_id)]

    def tasks(self, server_id: str) -> Sequence[Task]:
        """What was asked of a server, newest first."""
        with self._store() as store:
            return store.servers.list_tasks(server_id)

    def open_tasks(self) -> Sequence[Task]:
        """What is still being done, to any server."""
        with self._store() as store:
            return store.tasks.list_open_tasks()

    @contextmanager
    def _store(self) -> Iterator[Store]:
        store = Store.open(self.live.state / "cumulet.db")
        try:
            yield store
        finally:
            store.close()


@contextmanager
def running_cloud(
    host: PrivateHost, *options: str, inside: bool = False, **settings: object
) -> Iterator[RealCloud]:
    """A cloud on a host, its sweep as good as off: what shows, shows by events.

    `options` are init's, `settings` go into the configuration. With `inside` it serves in the
    host's network.
    """
    state = Path(tempfile.mkdtemp(prefix="cumulet-real-", dir="/var/tmp"))
    live = LiveCloud(state, host.uri)
    with ExitStack() as stack:
        stack.callback(live.close)
        if inside:
            stack.enter_context(serving_inside(live, host.network))
        live.init(*options)
        live.configure(**{"sweep_every_s": 3600, **settings})
        image_id = live.import_image("tiny", tiny_image())
        live.start()
        yield RealCloud(host, live, Api(live).log_in(), image_id)


@pytest.fixture(scope="module")
def real() -> Iterator[RealCloud]:
    """A cloud on a host of its own."""
    with PrivateHost.start() as host, running_cloud(host) as cloud:
        yield cloud
