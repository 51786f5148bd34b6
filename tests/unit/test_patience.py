# SPDX-License-Identifier: Apache-2.0
"""Clients who keep a thread waiting: how long they may."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.patience import WINDOW_BYTES, Patience
from tests.fast.smallcloud import HandClock


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's and the client's end of a connection."""
    server, client = socket.socketpair()
    with server, client:
        server.setblocking(False)
        yield server, client


def is_cut(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False


def test_a_request_is_waited_for_twenty_seconds(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    clock = HandClock()
    patience = Patience(8, clock.monotonic)
    patience.begin(ends[0])
    for seconds, cut in ((19.0, False), (2.0, True)):
        clock.advance(seconds)
        patience.look()
        assert is_cut(ends[0]) is cut


def test_less_when_no_thread_is_left(ends: tuple[socket.socket, socket.socket]) -> None:
    clock = HandClock()
    patience = Patience(2, clock.monotonic)
    others = socket.socketpair()
    with ThreadPoolExecutor(1) as pool, others[0], others[1]:
        pool.submit(patience.begin, others[0]).result()
        patience.begin(ends[0])
        clock.advance(4.0)
        patience.look()
        assert is_cut(ends[0])


def test_what_was_read_is_waited_for_no_more(ends: tuple[socket.socket, socket.socket]) -> None:
    clock = HandClock()
    patience = Patience(8, clock.monotonic)
    patience.begin(ends[0])
    patience.end()
    clock.advance(100.0)
    patience.look()

    assert not is_cut(ends[0])


@pytest.mark.parametrize(("count", "cut"), [(WINDOW_BYTES, False), (WINDOW_BYTES - 1, True)])
def test_a_stream_may_take_long_and_must_come_steadily(
    ends: tuple[socket.socket, socket.socket], count: int, cut: bool
) -> None:
    clock = HandClock()
    patience = Patience(8, clock.monotonic)
    patience.begin(ends[0])
    patience.note(0)
    for _ in range(5):
        patience.note(WINDOW_BYTES)
        clock.advance(60.0)
        patience.look()
        assert not is_cut(ends[0])

    patience.note(count)
    clock.advance(60.0)
    patience.look()

    assert is_cut(ends[0]) is cut
