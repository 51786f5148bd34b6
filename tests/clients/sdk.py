# SPDX-License-Identifier: Apache-2.0
"""openstacksdk, unmodified, without what it warns itself of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from tests.lab.cloud import LiveCloud

SDK_TO_ITSELF = pytest.mark.filterwarnings(
    "ignore::PendingDeprecationWarning",
    "ignore::ResourceWarning",  # it leaves the file open that it uploads
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@contextmanager
def connected(live: LiveCloud, cloud: str = "", **config: Any) -> Iterator[Any]:
    """Connect as a cloud of clouds.yaml, or by a configuration given whole.

    It is of no type: to the SDK's own, each API may be of a version of long ago.
    """
    files = [str(live.state / "clouds.yaml")] if cloud else []
    region = OpenStackConfig(config_files=files, load_envvars=False).get_one(cloud, **config)
    connection = Connection(config=region)
    try:
        yield connection
    finally:
        connection.close()
