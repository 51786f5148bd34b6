# SPDX-License-Identifier: Apache-2.0
"""A machine beside the guests of a private host: a network namespace on the guests' bridge.

What the host itself sends to a guest passes no filter of libvirt's, so filters are tried from here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.lab.private_host import ENVIRONMENT, PrivateHost
from tests.lab.waiting import wait_for

ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
"""What `nsenter` starts goes on when that is killed, but for this."""

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

HEAR = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])) as tcp:
    print(tcp.makefile().read())
"""
TELL = """
import socket, sys
with socket.create_server(("", int(sys.argv[1]))) as server:
    while True:
        tcp, (address, _) = server.accept()
        tcp.sendall(f"{sys.argv[2]} heard {address}".encode())
        tcp.close()
"""

COUNT = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one before it may just be ending
    udp.bind(("", int(sys.argv[1])))
    print("counting", flush=True)
    while True:
        print("from", udp.recvfrom(100)[1][0], flush=True)
"""
FLOW = """
import contextlib, socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.bind((sys.argv[3], 0))
    udp.settimeout(0.05)
    while True:
        udp.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
        print("sent", flush=True)
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            udp.recv(100)  # nobody answers: so it sends twenty a second
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
    name: str = "neighbour"

    def connects(self, ip: str, port: int) -> bool:
        """Whether a TCP connection to a guest comes to be."""
        return self._runs(sys.executable, "-c", CONNECT, ip, str(port), str(TRY_S))

    def sends(self, ip: str, port: int) -> bool:
        """Whether a datagram reaches a guest that does not listen, which says so."""
        return self._runs(sys.executable, "-c", DATAGRAM, ip, str(port), str(TRY_S))

    @contextmanager
    def connected(self, ip: str, port: int) -> Iterator[Callable[[str], None]]:
        """Hold a TCP connection to a guest; what is called sends a text through it."""
        pipe_to = [sys.executable, "-c", PIPE, ip, str(port)]
        argv = self.host.enter_argv(["ip", "netns", "exec", self.name, *pipe_to])
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

    def hears(self, ip: str, port: int) -> str:
        """What is answered there by one who `tells`; "" when nobody answers."""
        hear = [sys.executable, "-c", HEAR, ip, str(port), str(TRY_S)]
        command = ["ip", "netns", "exec", self.name, *hear]
        return self.host.inside(command, check=False).stdout.strip()

    def telling(self, port: int) -> AbstractContextManager[None]:
        """Tell all who come who they have come to, and from which address they are seen to come."""
        return self._running([sys.executable, "-c", TELL, str(port), self.name], port)

    @contextmanager
    def counting(self, port: int) -> Iterator[Callable[..., int]]:
        """Count the datagrams that come: what is called says how many, all or from an address."""
        log = self.host.folder / f"{self.name}-counted"
        count = [sys.executable, "-c", COUNT, str(port)]
        argv = [*ENDS_WITH_US, "ip", "netns", "exec", self.name, *count]
        counter = self.host.spawn(argv, output=log, env=ENVIRONMENT)
        try:
            wait_for(
                lambda: "counting" in log.read_text(), timeout_s=30, what=f"{self.name} to count"
            )
            yield lambda ip="": log.read_text().count(f"from {ip}\n" if ip else "from ")
        finally:
            counter.kill()
            counter.wait(30)

    @contextmanager
    def flowing(self, ip: str, port: int, source: str = "") -> Iterator[Callable[[], int]]:
        """Send datagrams there from one port, twenty a second; what is called says how many."""
        log = self.host.folder / f"{self.name}-sent"
        flow = [sys.executable, "-c", FLOW, ip, str(port), source]
        argv = [*ENDS_WITH_US, "ip", "netns", "exec", self.name, *flow]
        flowing = self.host.spawn(argv, output=log, env=ENVIRONMENT)
        try:
            yield lambda: len(log.read_text().splitlines())
        finally:
            flowing.kill()
            flowing.wait(30)

    def serving(self, port: int) -> AbstractContextManager[None]:
        """Serve HTTP to the guests."""
        serve = ["-m", "http.server", "-b", self.ip, "-d", "/sys", str(port)]
        return self._running([sys.executable, *serve], port)

    @contextmanager
    def _running(self, argv: Sequence[str], port: int) -> Iterator[None]:
        server = self.host.spawn(
            [*ENDS_WITH_US, "ip", "netns", "exec", self.name, *argv],
            output=self.host.folder / f"{self.name}.log",
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
        command = ["ip", "netns", "exec", self.name, *argv]
        return self.host.inside(command, check=False).returncode == 0


def make_neighbour(
    host: PrivateHost, bridge: str, cidr: str, *, name: str = "neighbour", gateway: str = ""
) -> Neighbour:
    """Make one, with an address in CIDR form, and a way out if it is to have one.

    Without a bridge its cable ends at the host itself. It goes with its host.
    """
    end = f"to-{name}"  # the end of its cable on the host
    host.inside(["ip", "netns", "add", name])
    host.inside(["ip", "link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", name])
    host.inside(["ip", "link", "set", end, *(("master", bridge) if bridge else ()), "up"])
    for what in (("link", "set", "lo", "up"), ("link", "set", "eth0", "up")):
        host.inside(["ip", "-netns", name, *what])
    host.inside(["ip", "-netns", name, "address", "add", cidr, "dev", "eth0"])
    if gateway:
        host.inside(["ip", "-netns", name, "route", "add", "default", "via", gateway])
    return Neighbour(host, cidr.partition("/")[0], name)
