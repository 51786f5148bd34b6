# SPDX-License-Identifier: Apache-2.0
"""Who listens where: the sockets of /proc/net, and the processes that hold them."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass

from agent.doctor.tree import Tree

TCP_LISTEN, UDP_UNCONNECTED = "0A", "07"
TABLES = {
    "tcp": TCP_LISTEN,
    "tcp6": TCP_LISTEN,
    "udp": UDP_UNCONNECTED,
    "udp6": UDP_UNCONNECTED,
}
"""The files of /proc/net, and the state of a socket that waits for anybody."""

ANY = {"0.0.0.0", "::"}


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket that waits for whoever comes."""

    protocol: str  # "tcp" or "udp"
    address: str
    port: int
    inode: int

    @property
    def is_for_all(self) -> bool:
        """Whether it takes what comes to any address of the host."""
        return self.address in ANY


def list_listeners(tree: Tree, port: int) -> list[Listener]:
    """List who listens on a port, on whichever address."""
    found = []
    for name, state in TABLES.items():
        for line in (tree.read(f"/proc/net/{name}") or "").splitlines()[1:]:
            columns = line.split()
            if len(columns) < 10 or columns[3] != state:
                continue
            address, hex_port = columns[1].split(":")
            if int(hex_port, 16) == port:
                kind = name.removesuffix("6")
                found.append(Listener(kind, _read_address(address), port, int(columns[9])))
    return found


def find_holder(tree: Tree, inode: int) -> str | None:
    """Name the process that holds a socket; None when it can't be seen (another namespace's)."""
    for pid, name in tree.processes():
        with suppress(OSError):
            for descriptor in tree.at(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if re.fullmatch(rf"socket:\[{inode}\]", str(descriptor.readlink())):
                        return f"{name} (process {pid})"
    return None


def _read_address(text: str) -> str:
    """An address as /proc has it: words of four bytes, each in the host's (little) order."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))
