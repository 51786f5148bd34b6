# SPDX-License-Identifier: Apache-2.0
"""A cloud of real processes over libvirt's test driver."""

from __future__ import annotations

from pathlib import Path

from tests.fast.smallcloud import NODE
from tests.lab.cloud import LiveCloud


def over_test_driver(folder: Path) -> LiveCloud:
    """A cloud whose state, and whose host, are below a folder; nothing is set up yet.

    For few servers, one at a time: each of its connections has a host of its own, so a second one
    that the process opens under load sees no servers. `PrivateHost.test_uri` has one host for all.
    """
    node = folder / "node.xml"
    node.write_text(NODE)
    return LiveCloud(folder / "state", f"test://{node}")
