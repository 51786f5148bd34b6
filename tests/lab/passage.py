# SPDX-License-Identifier: Apache-2.0
"""Passages between this network namespace and another one: a port of loopback here is one there.

What listens in the one is reached in the other as if it were there. So `cumulet serve` can have the
network of a private host, its bridges and its packet filter, and yet be spoken to from outside.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.lab import forward
from tests.lab.cloud import LiveCloud

HERE = Path("/proc/self/ns/net")

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def inwards(network: Path, port: int, inner_port: int = 0) -> AbstractContextManager[None]:
    """A port here that leads to the one there: the same, unless said otherwise."""
    return _passage(HERE, port, network, inner_port or port)


def outwards(network: Path, port: int) -> AbstractContextManager[None]:
    """A port there that leads to the same one here."""
    return _passage(network, port, HERE, port)


@contextmanager
def serving_inside(cloud: LiveCloud, network: Path) -> Iterator[None]:
    """Let a cloud serve in this network whenever it is started; it is reached at its URL here.

    While it does not serve, connections are not refused but closed.
    """
    cloud.launcher = ("nsenter", f"--net={network}", "--", *cloud.launcher)
    with inwards(network, cloud.port):
        yield


@contextmanager
def _passage(near: Path, port: int, far: Path, far_port: int) -> Iterator[None]:
    """Lead from one to the other until the context or this process ends, not by its Ctrl-C."""
    with _listen(near, port) as listening:
        process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "--", "nsenter", f"--net={far}", "--"),
                *(sys.executable, forward.__file__, str(listening.fileno()), str(far_port)),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _listen(network: Path, port: int) -> socket.socket:
    """Listen there. A socket stays where it was made, a thread can go there by itself."""

    def go_and_listen() -> socket.socket:
        with network.open() as namespace:
            if _LIBC.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(network))
        return socket.create_server(("127.0.0.1", port))

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(go_and_listen).result()
