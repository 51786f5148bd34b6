# SPDX-License-Identifier: Apache-2.0
"""A cloud for clients that ask for the newest version of the Compute API: it serves all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.cloud import LiveCloud
from tests.lab.private_host import PrivateHost


@contextmanager
def serving_newest(state: Path) -> Iterator[LiveCloud]:
    """Serve such a cloud; its connections to the test driver share its state."""
    with PrivateHost.start() as host:
        cloud = LiveCloud(state, host.test_uri)
        cloud.init()
        try:
            cloud.start()
            yield cloud
        finally:
            cloud.close()
