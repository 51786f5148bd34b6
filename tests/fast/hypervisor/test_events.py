# SPDX-License-Identifier: Apache-2.0
"""What libvirt tells: events, and its connection's coming and going."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libvirt
import pytest

from agent.errors import HostUnavailable
from agent.hypervisor.base import Listeners
from agent.hypervisor.host import Host
from agent.model.observation import DomainEvent
from tests.domain_specs import OWNER, SERVER_ID, make_spec
from tests.lab.waiting import wait_for

IN_A_FORK = """
import os, sys, threading
from agent.hypervisor.base import Listeners
from agent.hypervisor.host import Host
from tests.domain_specs import SERVER_ID, make_spec

host = Host(f"test://{sys.argv[1]}", owner="me")
if os.fork() == 0:
    import libvirt
    kept = libvirt.open(f"test://{sys.argv[1]}")
    host = Host(f"test://{sys.argv[1]}", owner="me", connect=lambda: kept)
    connected, seen = threading.Event(), threading.Event()
    host.watch(Listeners(lambda event: seen.set(), connected.set))
    assert connected.wait(10)
    host.define(make_spec())
    os._exit(0 if seen.wait(10) else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@dataclass
class Heard:
    """What a listener was told, in order."""

    events: list[DomainEvent] = field(default_factory=list)
    connected: threading.Event = field(default_factory=threading.Event)
    lost: list[str] = field(default_factory=list)

    def listeners(self) -> Listeners:
        return Listeners(self.events.append, self.connected.set, self.lost.append)

    def texts(self) -> list[str]:
        return [event.text for event in self.events]

    def wait_for_any(self) -> None:
        wait_for(lambda: self.events, timeout_s=10, what="any event")

    def wait_for_text(self, text: str) -> None:
        wait_for(lambda: text in self.texts(), timeout_s=10, what=f"the event {text!r}")


def test_events_are_told_in_words(running: Host) -> None:
    heard = Heard()
    running.watch(heard.listeners())
    assert heard.connected.wait(10)

    running.shutdown(SERVER_ID)
    running.start(SERVER_ID)
    running.destroy(SERVER_ID)

    heard.wait_for_text("stopped: powered off")
    assert heard.texts() == ["stopped: shut down", "started: booted", "stopped: powered off"]
    assert {event.server_id for event in heard.events} == {SERVER_ID}


def test_a_closed_host_tells_nothing_and_leaves_no_thread(host: Host, connection: Any) -> None:
    before = set(threading.enumerate())
    heard = Heard()
    host.watch(heard.listeners())
    assert heard.connected.wait(10)

    host.close()
    host.close()
    host.define(make_spec())

    assert heard.events == []
    assert set(threading.enumerate()) <= before


def test_a_host_can_be_watched_again_and_again(host: Host, connection: Any) -> None:
    for _ in range(3):
        again = Host("test://", owner=OWNER, connect=lambda: connection)
        heard = Heard()
        again.watch(heard.listeners())
        assert heard.connected.wait(10)
        again.define(make_spec())
        heard.wait_for_any()
        again.close()
        assert len(heard.events) == 1


def test_events_arrive_in_a_forked_worker(node: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", IN_A_FORK, str(node)], timeout=60, capture_output=True, text=True
    )

    assert (child.returncode, child.stderr) == (0, "")


def test_a_libvirt_that_is_not_there_is_unavailable_and_told_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    host = Host(f"qemu+unix:///system?socket={tmp_path}/absent", owner=OWNER)
    heard = Heard()

    with pytest.raises(HostUnavailable, match="libvirt does not answer: Failed to connect socket"):
        host.observe(SERVER_ID)
    host.watch(heard.listeners())
    wait_for(lambda: heard.lost, timeout_s=10, what="the loss")
    host.close()

    assert len(heard.lost) == 1
    assert not heard.connected.is_set()
    assert capfd.readouterr() == ("", "")


def test_a_libvirt_that_comes_is_connected_to(connection: Any) -> None:
    answers: list[Any] = [None, None, connection]

    def connect() -> Any:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer or libvirt.open("qemu+unix:///system?socket=/nonexistent")

    host = Host("test://", owner=OWNER, connect=connect)
    heard = Heard()
    host.watch(heard.listeners())

    assert heard.connected.wait(10)
    host.close()
    assert len(heard.lost) == 1
