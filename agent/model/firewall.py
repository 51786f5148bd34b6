# SPDX-License-Identifier: Apache-2.0
"""What may pass a port, worked out of the rules of its security groups. Pure.

The Networking API's meaning of groups: what one rule of one group of the port lets pass does, and
its answers do; all else is dropped. A port whose groups let everything pass both ways is no
firewall's: it is left alone, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.model.securitygroup import ANYWHERE, EGRESS, INGRESS, IPV4, IPV6, Rule


@dataclass(frozen=True, slots=True, order=True)
class Pass:
    """One kind of traffic that passes, and whose answers do."""

    direction: str  # INGRESS or EGRESS, as the port sees it
    ethertype: str  # IPV4 or IPV6
    protocol: str = ""  # a name of `FILTERED`; "": any
    port_min: int = -1  # of what is addressed, or the ICMP type; -1: any
    port_max: int = -1  # the last one, or the ICMP code; -1: any
    remote: str = ""  # the other end, a network in CIDR form; "": any


@dataclass(frozen=True, slots=True)
class Firewall:
    """All that may pass one port of a server."""

    port_id: str
    server_id: str
    mac: str  # lower case, colon separated
    passes: tuple[Pass, ...]  # sorted, each once

    @property
    def is_open(self) -> bool:
        """Whether everything passes."""
        return _are_all(self.passes)


EVERYTHING = tuple(
    Pass(direction, ethertype) for direction in (EGRESS, INGRESS) for ethertype in (IPV4, IPV6)
)


def passes_of(rules: Iterable[Rule], members: Mapping[str, Collection[str]]) -> tuple[Pass, ...]:
    """What a port's rules let pass, where `members` has the IPv4 addresses of remote groups."""
    return tuple(sorted({each for rule in rules for each in _passes(rule, members)}))


def are_open(rules: Iterable[Rule]) -> bool:
    """Whether rules let everything pass, whoever is in which group."""
    return _are_all(passes_of(rules, {}))


def _are_all(passes: Iterable[Pass]) -> bool:
    return set(passes) >= set(EVERYTHING)


def _passes(rule: Rule, members: Mapping[str, Collection[str]]) -> Iterator[Pass]:
    for remote in _remotes(rule, members):
        yield Pass(
            rule.direction,
            rule.ethertype,
            rule.protocol or "",
            -1 if rule.port_min is None else rule.port_min,
            -1 if rule.port_max is None else rule.port_max,
            remote,
        )


def _remotes(rule: Rule, members: Mapping[str, Collection[str]]) -> Iterable[str]:
    if rule.remote_group_id is not None:
        is_v4 = rule.ethertype == IPV4  # addresses of servers are
        return [f"{ip}/32" for ip in members.get(rule.remote_group_id, ())] if is_v4 else ()
    network = rule.remote_network
    return ("",) if network in (None, ANYWHERE[rule.ethertype]) else (str(network),)
