# SPDX-License-Identifier: Apache-2.0
"""Has the host's kernel lead floating addresses to servers: addresses on `lo`, and one nft table.

The kernel answers for an address of `lo` on all its links, so nobody has to say by which one the
world comes. What is ours bears the installation's mark: the table by its name, addresses by their
labels. Another's address is left alone, and leads nowhere. All of it must run where libvirt's
bridges are.
"""

from __future__ import annotations

import json
import logging
import socket
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.edge.programs import forget_connections, ip, nft
from agent.edge.rules import Inside, render
from agent.errors import HostFailed
from agent.model.firewall import Firewall
from agent.model.floating import Translation

log = logging.getLogger(__name__)

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
        ours, others = self._list_addresses()
        led = [each for each in translations if each.ip not in others]
        self._tell_kept_out(frozenset(each.ip for each in translations) & others)
        wanted = {each.ip: each.fixed_ip for each in led}
        # The host has an address only while our table leads it on: whoever asks for a server is
        # not to find the host itself. Only another who takes our table away can bring that about.
        self._change("delete", ours - wanted.keys())
        self._check_bridge()
        self._load(render(self.table, self.inside, led, firewalls), wanted)
        self._change("add", wanted.keys() - ours)
        return led

    def remove(self) -> None:
        """Take all of it from the host; nothing where nothing is."""
        self._change("delete", self._list_addresses()[0])
        self._load(f"table ip {self.table}\ndelete table ip {self.table}\n", {})

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
        for each in addresses - self._kept_out:
            log.warning("floating IP %s leads nowhere: the host has that address for itself", each)
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
        links: list[dict[str, Any]] = json.loads(ip("-json", "-4", "address", "show"))
        for link in links:
            for address in link.get("addr_info", ()):  # {} of a link without any
                is_ours = address.get("label") == self.label
                (ours if is_ours else others).add(str(address.get("local")))
        return ours, others

    def _change(self, verb: str, addresses: Collection[str]) -> None:
        lines = [
            f"address {verb} {each}/32 dev lo" + (f" label {self.label}" if verb == "add" else "")
            for each in sorted(addresses)
        ]
        if lines:
            ip("-batch", "-", told="\n".join(lines) + "\n")

    def _load(self, text: str, leads: Mapping[str, str]) -> None:
        """Have nft take this table, unless it was told so and nobody has changed it since.

        The kernel remembers where each connection leads, for as long as it is used, so it is made
        to forget those of addresses that lead elsewhere now: before, so that none is left when this
        is cut short, and after, for those that came in between.
        """
        told, shown = self._loaded
        if told == text and shown == self._shown():
            return
        ended = [each for each, fixed in self._list_leads().items() if leads.get(each) != fixed]
        _forget(ended)
        nft("-f", "-", told=text)
        _forget(ended)
        self._loaded = (text, self._shown())

    def _shown(self) -> str:
        """How nft shows our table now; nothing when it has none."""
        try:
            return nft("list", "table", "ip", self.table)
        except HostFailed:
            return ""

    def _list_leads(self) -> Mapping[str, str]:
        """Where our table leads each address now; none when there is no table."""
        try:
            listed = json.loads(nft("-j", "list", "map", "ip", self.table, "floating"))["nftables"]
        except HostFailed:
            return {}
        return {key: value for each in listed for key, value in each.get("map", {}).get("elem", ())}


def _forget(addresses: Sequence[str]) -> None:
    for address in addresses:
        forget_connections("--orig-dst", address)  # what came by it
        forget_connections("--reply-dst", address)  # and what went out with it


class Imaginary:
    """The edge of libvirt's test driver, whose guests are on no bridge: all leads, and nothing."""

    def carry(
        self, translations: Sequence[Translation], firewalls: Mapping[str, Firewall]
    ) -> Sequence[Translation]:
        """Give all of them."""
        return translations

    def remove(self) -> None:
        """Do nothing, for nothing is there."""
