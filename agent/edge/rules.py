# SPDX-License-Identifier: Apache-2.0
"""Words the table of nftables that leads floating addresses to servers. Pure.

Equal values give equal text. All that comes into it are addresses, numbers, and names of our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from agent.model.firewall import Firewall, Pass
from agent.model.floating import Translation
from agent.model.securitygroup import ANYWHERE, HAVE_TYPES, INGRESS, IPV4, PROTOCOLS
from agent.packaged import packaged


@dataclass(frozen=True, slots=True)
class Inside:
    """The guests' network as the host has it."""

    bridge: str  # its name has no space, slash or colon
    cidr: str  # "10.70.0.0/24"
    is_routed: bool  # else guests have no way out, and the host alone reaches them


@dataclass(frozen=True, slots=True)
class Lead:
    """Where one floating address leads, and what comes through: None is all."""

    ip: str
    fixed_ip: str
    chain: str
    conditions: tuple[str, ...] | None


def render(
    table: str,
    inside: Inside,
    translations: Sequence[Translation],
    firewalls: Mapping[str, Firewall],
) -> str:
    """What `nft -f` is told: a table in the place of the one of that name, or the first.

    `firewalls` are those of the ports that do not let everything pass, by the ports' ids.
    """
    leads = [_lead(each, firewalls.get(each.port_id)) for each in sorted(translations)]
    cidr = str(IPv4Network(inside.cidr))
    return _template().render(table=table, inside=inside, cidr=cidr, leads=leads)


def conditions(passes: Sequence[Pass]) -> tuple[str, ...]:
    """What each kind of traffic that comes in is known by, from all who may send it; "" is all."""
    senders: dict[str, set[IPv4Network]] = {}
    for each in passes:
        if (each.direction, each.ethertype) == (INGRESS, IPV4):
            kind = " ".join(_kind(each))
            senders.setdefault(kind, set()).add(IPv4Network(each.remote or ANYWHERE[IPV4]))
    return tuple(f"{_from(senders[kind])}{kind}".rstrip() for kind in senders)


def _from(senders: Iterable[IPv4Network]) -> str:
    """Whom it comes from: a set of networks that do not overlap, or nothing when it is anybody."""
    networks = [str(each) for each in collapse_addresses(senders)]
    return "" if networks == [ANYWHERE[IPV4]] else f"ip saddr {{ {', '.join(networks)} }} "


def _lead(translation: Translation, firewall: Firewall | None) -> Lead:
    ip, fixed_ip = (str(IPv4Address(each)) for each in (translation.ip, translation.fixed_ip))
    return Lead(
        ip=ip,
        fixed_ip=fixed_ip,
        chain=f"to_{fixed_ip.replace('.', '_')}",
        conditions=None if firewall is None else conditions(firewall.passes),
    )


def _kind(passing: Pass) -> Iterator[str]:
    if passing.protocol:
        yield f"meta l4proto {PROTOCOLS[passing.protocol]}"
    first, last = passing.port_min, passing.port_max
    if passing.protocol in HAVE_TYPES:
        if first >= 0:
            yield f"icmp type {first}"
        if last >= 0:
            yield f"icmp code {last}"
    elif first >= 0:
        yield f"th dport {first}-{max(first, last)}"


@cache
def _template() -> Template:
    # It is no markup, so nothing is escaped: see above what comes into it.
    folder = FileSystemLoader(packaged("templates"))
    environment = Environment(
        loader=folder,
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("floating.nft.j2")
