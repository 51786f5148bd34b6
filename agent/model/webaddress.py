# SPDX-License-Identifier: Apache-2.0
"""Where on the net an image may be fetched from: URLs, hosts and addresses. Pure, asks nobody.

A user names the URL and this host fetches it, so the URL must not lead to what only this host can
reach: itself, its neighbours, a cloud's metadata service. What an address means is decided here,
in every form that it can be written in; `import_allow` names the exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

from agent.errors import BadRequest

Address: TypeAlias = IPv4Address | IPv6Address

MAX_URL = 2048
MAX_HOST = 253

PORTS = {"http": 80, "https": 443}
"""The schemes that are fetched, and the port of each where the URL names none."""

FIRST_FREE_PORT = 1024
"""Ports below belong to other protocols (SSH, mail, LDAP, …): nobody makes this host talk to
those. The web's two, and all that anybody may listen on, are fetched from."""

_NAT64 = IPv6Network("64:ff9b::/96")

_NEVER_PUBLIC = tuple(
    map(
        ip_network,
        (
            "::/96",  # IPv4 inside IPv6, as of old
            "64:ff9b:1::/48",  # a site's own NAT64
            "2001::/32",  # Teredo: an IPv4 address is hidden in it
            "2002::/16",  # 6to4: likewise
            "192.88.99.0/24",  # relays of 6to4
            "fec0::/10",  # a site's own, as of old
        ),
    )
)
"""What `ipaddress` calls global, or some versions of it do, and no image server has."""

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash


@dataclass(frozen=True, slots=True)
class Place:
    """A URL in its parts, checked."""

    scheme: str  # "http" or "https"
    host: str  # in small letters; an IPv6 address stands without brackets
    port: int
    path: str  # with the query

    @property
    def address(self) -> Address | None:
        """The address, when the host is one and no name."""
        return _as_address(self.host)

    @property
    def host_and_port(self) -> str:
        """As the Host header has it: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def follow(self, location: str) -> Place:
        """Where a redirect leads; `BadRequest` when it must not be followed."""
        here = f"{self.scheme}://{self.host_and_port}{self.path}"
        try:
            there = parse_url(urljoin(here, location))
        except ValueError:
            raise BadRequest(f"{self.host} redirects to what is no URL.") from None
        except BadRequest as error:
            raise BadRequest(f"{self.host} redirects: {error.message}") from None
        if (self.scheme, there.scheme) == ("https", "http"):
            raise BadRequest(f"{self.host} redirects from https to http: that is not followed.")
        return there


@dataclass(frozen=True, slots=True)
class _Exception:
    """One entry of `import_allow`."""

    place: str | IPv4Network | IPv6Network
    port: int | None  # None: any


@dataclass(frozen=True, slots=True)
class Allowed:
    """What `import_allow` holds: places that are fetched from though they are private."""

    entries: tuple[_Exception, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Allowed:
        """Read HOST, ADDRESS or NETWORK/BITS, the first two with :PORT or without; `ValueError`."""
        return cls(tuple(_parse_entry(text) for text in texts))

    def with_host(self, place: Place) -> Allowed:
        """These, and the host and port of a URL."""
        address = place.address
        named = place.host if address is None else ip_network(plain(address))
        return Allowed((*self.entries, _Exception(named, place.port)))

    def allows(self, host: str, address: Address, port: int) -> bool:
        """Whether an entry names the host, or holds its address; and the port, if it has one."""
        return any(
            entry.port in {None, port}
            and (host == entry.place if isinstance(entry.place, str) else address in entry.place)
            for entry in self.entries
        )


def parse_url(text: str) -> Place:
    """Read a URL; `BadRequest` says which rule it breaks. An address in it is not judged yet."""
    if len(text) > MAX_URL:
        raise BadRequest(f"uri: must have at most {MAX_URL} characters.")
    if not _PLAIN.fullmatch(text):
        raise BadRequest(
            "uri: must be ASCII without spaces and backslashes. Write other characters as %XX, "
            "and an international name as xn--…"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadRequest("uri: is no URL, as https://host/path is.") from None
    if parts.scheme not in PORTS:
        raise BadRequest("uri: must begin with http:// or https://")
    if "@" in parts.netloc:
        raise BadRequest("uri: must have no user name and no password in it.")
    if port is None:
        port = PORTS[parts.scheme]
    if port < FIRST_FREE_PORT and port not in PORTS.values():
        raise BadRequest(
            f"uri: port {port} is not the web's. Fetched are 80, 443 and {FIRST_FREE_PORT} to 65535"
            "."
        )
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return Place(parts.scheme, _parse_host(parts.netloc, parts.hostname), port, f"{path}{query}")


def plain(address: Address) -> Address:
    """Return the IPv4 address that is written as an IPv6 one (::ffff:a.b.c.d); others as given."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Whether an address is on the open internet, whichever way it is written."""
    address = plain(address)
    if isinstance(address, IPv6Address) and address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NEVER_PUBLIC)
    )


def _parse_host(netloc: str, host: str | None) -> str:
    if not host:
        raise BadRequest("uri: has no host in it.")
    if netloc.startswith("["):
        if not isinstance(_as_address(host), IPv6Address) or "%" in host:
            raise BadRequest("uri: what stands in brackets must be an IPv6 address.")
        return host
    host = host.removesuffix(".")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # As resolvers read it: 2130706433, 0x7f.1 and 0177.0.0.1 are all 127.0.0.1.
        if not isinstance(_as_address(host), IPv4Address):
            raise BadRequest("uri: an IPv4 address must be four decimal numbers, as 192.0.2.1.")
        return host
    if len(host) > MAX_HOST or not _NAME.fullmatch(host):
        raise BadRequest("uri: its host is no name and no address.")
    return host


def _parse_entry(text: str) -> _Exception:
    try:
        return _Exception(ip_network(text), None)
    except ValueError as error:
        if "/" in text:
            raise ValueError(f"{text!r} is no network: {error}") from None
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    if colon and (not port.isdecimal() or not 0 < int(port) < 65536):
        raise ValueError(f"{text!r} has no port from 1 to 65535 after its colon")
    bare = host.removeprefix("[").removesuffix("]")
    address = _as_address(bare)
    named = bare.lower() if address is None else ip_network(address)
    if isinstance(named, str) and not _NAME.fullmatch(named):
        raise ValueError(f"{text!r} is no host, no address and no network")
    return _Exception(named, int(port) if colon else None)


def _as_address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
