# SPDX-License-Identifier: Apache-2.0
"""A host over libvirt's own test driver, whose state lives as long as its one connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from agent.hypervisor.host import Host
from tests.domain_specs import OWNER, SERVER_ID, make_spec

NODE = """\
<node>
  <cpu><nodes>1</nodes><sockets>1</sockets><cores>16</cores><threads>1</threads></cpu>
</node>
"""


@pytest.fixture
def node(tmp_path: Path) -> Path:
    path = tmp_path / "node.xml"
    path.write_text(NODE)
    return path


@pytest.fixture
def connection(node: Path) -> Iterator[Any]:
    kept = libvirt.open(f"test://{node}")
    yield kept
    kept.close()


@pytest.fixture
def host(connection: Any) -> Iterator[Host]:
    made = Host("test://", owner=OWNER, connect=lambda: connection)
    yield made
    made.close()


@pytest.fixture
def running(host: Host) -> Host:
    host.define(make_spec())
    host.start(SERVER_ID)
    return host
