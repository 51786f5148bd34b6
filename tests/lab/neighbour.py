# SPDX-License-Identifier: Apache-2.0
"""A machine beside the guests of a private host: a network namespace on the guests' bridge.

What the host itself sends to a guest passes no filter of libvirt's, so filters are tried from here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.lab.private_host import ENVIRONMENT, PrivateHost
from tests.lab.waiting import wait_for

NAME = "neighbour"
END = f"to-{NAME}"
"""The end of its cable on the host."""

IN_THERE = ("ip", "netns", "exec", NAME)

TRY_S = 1.5
"""So long an answer is waited for: it takes a few milliseconds, or never comes."""

CONNECT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])):
    pass
"""
DATAGRAM = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(float(sys.argv[3]))
    udp.connect((sys.argv[1], int(sys.argv[2])))
    udp.send(b"hello")
    try:
        udp.recv(100)
    except ConnectionRefusedError:  # the guest itself says so
        pass
"""

PIPE = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30) as tcp:
    for line in sys.stdin:
        tcp.sendall(line.rstrip().encode())
"""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A namespace with one address on a bridge."""

    host: PrivateHost
    ip: str

    def connects(self, ip: str, port: int) -> bool:
        """Whether a TCP connection to a guest comes to be."""
        return self._runs(sys.executable, "-c", CONNECT, ip, str(port), str(TRY_S))

    def sends(self, ip: str, port: int) -> bool:
        """Whether a datagram reaches a guest that does not listen, which says so."""
        return self._runs(sys.executable, "-c", DATAGRAM, ip, str(port), str(TRY_S))

    @contextmanager
    def connected(self, ip: str, port: int) -> Iterator[Callable[[str], None]]:
        """Hold a TCP connection to a guest; what is called sends a text through it."""
        argv = self.host.enter_argv([*IN_THERE, sys.executable, "-c", PIPE, ip, str(port)])
        pipe = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True, env=ENVIRONMENT)
        assert pipe.stdin is not None
        try:
            yield lambda text: print(text, file=pipe.stdin, flush=True)
        finally:
            pipe.kill()
            pipe.wait(30)
            pipe.stdin.close()

    def pings(self, ip: str) -> bool:
        """Whether a guest answers a ping, of either version of IP."""
        return self._runs("ping", "-c1", f"-W{TRY_S}", ip)

    @contextmanager
    def serving(self, port: int) -> Iterator[None]:
        """Serve HTTP to the guests."""
        argv = [sys.executable, "-m", "http.server", "-b", self.ip, "-d", "/sys", str(port)]
        server = self.host.spawn(
            [*IN_THERE, *argv],
            output=self.host.folder / "neighbour.log",
            env=ENVIRONMENT,
        )
        try:
            wait_for(
                lambda: self.connects(self.ip, port), timeout_s=30, what="the neighbour's server"
            )
            yield
        finally:
            server.kill()
            server.wait(30)

    def _runs(self, *argv: str) -> bool:
        command = [*IN_THERE, *argv]
        return self.host.inside(command, check=False).returncode == 0


def make_neighbour(host: PrivateHost, bridge: str, cidr: str) -> Neighbour:
    """Make one, with an address in CIDR form; it goes with its host."""
    host.inside(["ip", "netns", "add", NAME])
    host.inside(["ip", "link", "add", END, "type", "veth", "peer", "name", "eth0", "netns", NAME])
    host.inside(["ip", "link", "set", END, "master", bridge, "up"])
    for what in (("link", "set", "lo", "up"), ("link", "set", "eth0", "up")):
        host.inside(["ip", "-netns", NAME, *what])
    host.inside(["ip", "-netns", NAME, "address", "add", cidr, "dev", "eth0"])
    return Neighbour(host, cidr.partition("/")[0])
