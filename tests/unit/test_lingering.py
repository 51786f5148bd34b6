# SPDX-License-Identifier: Apache-2.0
"""Connections that end, over real sockets: what a client may do until ours is let go of."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from agent.lingering import LINGER_BYTES, LINGER_S, Lingering
from tests.lab.waiting import wait_for


@dataclass
class Line:
    """A client, our side of its connection, and what polls it."""

    client: socket.socket
    conn: Any
    poller: selectors.BaseSelector
    gone: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lingering = Lingering(self.poller, self.gone.append)

    def poll(self) -> list[Any]:
        """One turn of the loop; the connections that were let go of."""
        for key, _ in self.poller.select(0):
            key.data(key.fileobj)
        self.lingering.end_late()
        return self.gone


@pytest.fixture
def line() -> Iterator[Line]:
    client, ours = socket.socketpair()
    with client, ours, selectors.DefaultSelector() as poller:
        yield Line(client, TConn(Config(), ours, "", ""), poller)


def test_the_client_reads_the_end_and_is_waited_for(line: Line) -> None:
    line.conn.sock.sendall(b"the answer")
    line.lingering.begin(line.conn)
    line.poll()
    assert line.client.recv(100) == b"the answer"
    assert line.client.recv(100) == b""
    assert not line.gone
    assert 0 < line.lingering.left() <= LINGER_S


def test_it_ends_with_the_client_s_end(line: Line) -> None:
    line.lingering.begin(line.conn)
    line.client.sendall(b"too late")
    line.poll()
    assert not line.gone
    line.client.shutdown(socket.SHUT_WR)
    line.poll()
    assert line.gone == [line.conn]
    assert not line.poller.get_map()


def test_it_ends_with_too_much_of_what_nobody_reads(line: Line) -> None:
    line.lingering.begin(line.conn)
    sent = 0
    while sent < LINGER_BYTES:
        assert not line.gone
        line.client.sendall(b"x" * 4096)
        sent += 4096
        line.poll()
    assert line.gone == [line.conn]


def test_it_ends_when_the_client_takes_too_long(line: Line) -> None:
    line.lingering.linger_s = 0.05
    line.lingering.begin(line.conn)
    wait_for(line.poll, timeout_s=10, what="the end of a client's time")
    assert line.gone == [line.conn]
    assert line.lingering.left() == float("inf")


def test_a_connection_that_is_gone_is_let_go_of_at_once(line: Line) -> None:
    line.conn.sock.close()
    line.lingering.begin(line.conn)
    assert line.gone == [line.conn]
    assert not line.poller.get_map()
