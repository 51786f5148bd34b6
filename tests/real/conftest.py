# SPDX-License-Identifier: Apache-2.0
"""A private host and a whole cloud on it, shared by the tests of a module."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.store import Store
from tests.lab.cloud import Api, LiveCloud
from tests.lab.private_host import PrivateHost
from tests.lab.tiny_guest import tiny_image


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

    def history(self, server_id: str) -> list[str]:
        """What the cloud has noted of a server."""
        store = Store.open(self.live.state / "cumulet.db")
        try:
            return [text for _, text in store.servers.list_events(server_id)]
        finally:
            store.close()

    def delete(self, server_id: str) -> None:
        """Delete a server and wait until it is gone."""
        self.api.request("DELETE", f"/compute/v2.1/servers/{server_id}")
        self.api.wait_until_gone(server_id)


@pytest.fixture(scope="module")
def real() -> Iterator[RealCloud]:
    """A cloud whose sweep is as good as off: what shows, shows by events."""
    image = tiny_image()
    with PrivateHost.start() as host:
        state = Path(tempfile.mkdtemp(prefix="cumulet-real-", dir="/var/tmp"))
        live = LiveCloud(state, host.uri)
        try:
            live.init()
            with live.config.open("a") as config:
                config.write("sweep_every_s: 3600\n")
            image_id = live.import_image("tiny", image)
            live.start()
            yield RealCloud(host, live, Api(live).log_in(), image_id)
        finally:
            live.close()
