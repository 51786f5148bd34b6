# SPDX-License-Identifier: Apache-2.0
"""Has the host's kernel lead floating addresses to servers: addresses on `lo`, and one nft table.

The kernel answers for an address of `lo` on all its links, so nobody has to say by which one the
world comes. What is ours bears the installation's mark: the table by its name, addresses by their
labels. Another's address is left alone, and leads nowhere. The programs are iproute2's `ip` and
nftables' `nft`; both must run where libvirt's bridges are.
"""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from agent.edge.rules import Inside, render
from agent.errors import HostFailed
from agent.model.firewall import Firewall
from agent.model.floating import Translation

log = logging.getLogger(__name__)

DEADLINE_S = 10.0

PACKAGES = {"ip": "iproute2", "nft": "nftables"}
"""Debian's packages of the programs."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
}

_QUIETLY: Mapping[str, Any] = {
    "capture_output": True,
    "text": True,
    "timeout": DEADLINE_S,
    "env": ENVIRONMENT,
    "check": True,
}

_SPACE = uuid.UUID("6b0f5a58-6c40-4f0e-8d4f-0f6c0e1b7a11")


@dataclass(slots=True)
class Edge:
    """Those of one installation. Every method may block for some seconds; one caller at a time."""

    installation: str
    inside: Inside
    _loaded: tuple[str, str] = field(default=("", ""))  # what was told, and how nft shows it
    _kept_out: frozenset[str] = field(default_factory=frozenset)  # others' addresses, as logged

    def carry(
        self, translations: Sequence[Translation], firewalls: Mapping[str, Firewall]
    ) -> Sequence[Translation]:
        """Lead these addresses to their servers and no others, and give those that are led.

        `firewalls` as `rules.render` takes them. `HostFailed` when the kernel or a program refuses.
        """
        self._check_bridge()
        ours, others = self._list_addresses()
        led = [each for each in translations if each.ip not in others]
        self._tell_kept_out(frozenset(each.ip for each in translations) & others)
        wanted = {each.ip for each in led}
        # An address is on the host only while it leads on: who asks for a server never finds the
        # host itself behind it.
        self._change("delete", ours - wanted)
        self._load(render(self.table, self.inside, led, firewalls))
        self._change("add", wanted - ours)
        return led

    def remove(self) -> None:
        """Take all of it from the host; nothing where nothing is."""
        self._change("delete", self._list_addresses()[0])
        _nft("-f", "-", told=f"table ip {self.table}\ndelete table ip {self.table}\n")
        self._loaded = ("", "")

    @property
    def table(self) -> str:
        """The table's name."""
        return f"cumulet_{self._mark}"

    @property
    def label(self) -> str:
        """What our addresses are labelled with: at most 15 characters, which begin as the link."""
        return f"lo:cml{self._mark}"

    @property
    def _mark(self) -> str:
        return uuid.uuid5(_SPACE, self.installation).hex[:8]

    def _tell_kept_out(self, addresses: frozenset[str]) -> None:
        for ip in addresses - self._kept_out:
            log.warning("floating IP %s leads nowhere: the host has that address for itself", ip)
        self._kept_out = addresses

    def _check_bridge(self) -> None:
        try:
            socket.if_nametoindex(self.inside.bridge)
        except OSError as error:
            raise HostFailed(
                f"There is no bridge {self.inside.bridge} here, so floating IPs lead nowhere."
            ) from error

    def _list_addresses(self) -> tuple[set[str], set[str]]:
        """The host's IPv4 addresses: ours, and all others."""
        ours: set[str] = set()
        others: set[str] = set()
        links: list[dict[str, Any]] = json.loads(_ip("-json", "-4", "address", "show"))
        for link in links:
            for address in link.get("addr_info", ()):  # {} of a link without any
                is_ours = address.get("label") == self.label
                (ours if is_ours else others).add(str(address.get("local")))
        return ours, others

    def _change(self, verb: str, addresses: Collection[str]) -> None:
        lines = [
            f"address {verb} {ip}/32 dev lo" + (f" label {self.label}" if verb == "add" else "")
            for ip in sorted(addresses)
        ]
        if lines:
            _ip("-batch", "-", told="\n".join(lines) + "\n")

    def _load(self, text: str) -> None:
        """Have nft take this table, unless it was told so and nobody has changed it since."""
        told, shown = self._loaded
        if told == text and shown == self._shown():
            return
        _nft("-f", "-", told=text)
        self._loaded = (text, self._shown() or "")

    def _shown(self) -> str | None:
        """How nft shows our table now; None when it has none."""
        try:
            return _nft("list", "table", "ip", self.table)
        except HostFailed:
            return None


class Imaginary:
    """The edge of libvirt's test driver, whose guests are on no bridge: all leads, and nothing."""

    def carry(
        self, translations: Sequence[Translation], firewalls: Mapping[str, Firewall]
    ) -> Sequence[Translation]:
        """Give all of them."""
        return translations

    def remove(self) -> None:
        """Do nothing, for nothing is there."""


def _ip(*arguments: str, told: str = "") -> str:
    """Run `ip`, which is told something, and give what it says; `HostFailed` says why not."""
    with _explained("ip", arguments):
        return str(subprocess.run(["ip", *arguments], input=told, **_QUIETLY).stdout)


def _nft(*arguments: str, told: str = "") -> str:
    """Run `nft` in the same way."""
    with _explained("nft", arguments):
        return str(subprocess.run(["nft", *arguments], input=told, **_QUIETLY).stdout)


@contextmanager
def _explained(program: str, arguments: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise HostFailed(
            f"Floating IPs need the program {program}: `apt-get install {PACKAGES[program]}`."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise HostFailed(f"{program} did not end within {DEADLINE_S:.0f} s.") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip() or f"code {error.returncode}").splitlines()[0]
        raise HostFailed(f"`{program} {' '.join(arguments)}` failed: {reason}") from error
