# SPDX-License-Identifier: Apache-2.0
"""A cloud of real processes over libvirt's test driver."""

from __future__ import annotations

from pathlib import Path

from tests.fast.smallcloud import NODE
from tests.lab.cloud import LiveCloud


def over_test_driver(folder: Path) -> LiveCloud:
    """A cloud whose state, and whose host, are below a folder; nothing is set up yet."""
    node = folder / "node.xml"
    node.write_text(NODE)
    return LiveCloud(folder / "state", f"test://{node}")
