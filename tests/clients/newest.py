# SPDX-License-Identifier: Apache-2.0
"""A cloud that serves every version of the Compute API, for clients that ask for the newest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.api.microversion import HIGHEST
from tests.lab.cloud import LiveCloud
from tests.lab.private_host import PrivateHost


@contextmanager
def serving_newest(state: Path) -> Iterator[LiveCloud]:
    """Serve such a cloud; its connections to the test driver share its state."""
    with PrivateHost.start() as host:
        cloud = LiveCloud(state, host.test_uri)
        cloud.init()
        with cloud.config.open("a") as config:
            config.write(f'max_microversion: "{HIGHEST}"\n')
        try:
            cloud.start()
            yield cloud
        finally:
            cloud.close()
