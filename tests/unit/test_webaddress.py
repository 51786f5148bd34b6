# SPDX-License-Identifier: Apache-2.0
"""Which URLs and addresses images are fetched from: every form that a private one can take."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from agent.errors import BadRequest
from agent.model.webaddress import Allowed, Place, is_public, parse_url


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://a.example/b.qcow2", Place("https", "a.example", 443, "/b.qcow2")),
        ("HTTP://A.Example", Place("http", "a.example", 80, "/")),
        ("http://a.example.:8080/x?y=1#z", Place("http", "a.example", 8080, "/x?y=1")),
        ("http://192.0.2.1/", Place("http", "192.0.2.1", 80, "/")),
        ("http://[2001:DB8::1]:1024/", Place("http", "2001:db8::1", 1024, "/")),
        ("http://7.example/", Place("http", "7.example", 80, "/")),
        ("http://a_b.example/%41", Place("http", "a_b.example", 80, "/%41")),
    ],
)
def test_a_url_is_read(url: str, place: Place) -> None:
    assert parse_url(url) == place


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must be ASCII"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("ftp://a.example/", "must begin with"),
        ("//a.example/", "must begin with"),
        ("a.example/b", "must begin with"),
        ("http:///b", "has no host"),
        ("http:a.example", "has no host"),
        ("http://ann@a.example/", "no user name and no password"),
        ("http://ann:secret@a.example/", "no user name and no password"),
        ("http://@a.example/", "no user name and no password"),
        ("http://a.example:0/", "port 0 is not the web's"),
        ("http://a.example:22/", "port 22 is not the web's"),
        ("http://a.example:65536/", "is no URL"),
        ("http://a.example:x/", "is no URL"),
        ("http://[::1/", "is no URL"),
        ("http://[127.0.0.1]/", "must be an IPv6 address|is no URL"),
        ("http://[fe80::1%25eth0]/", "must be an IPv6 address|is no URL"),
        ("http://a.example/a b", "must be ASCII"),
        ("http://a.example/\r\nHost: b", "must be ASCII"),
        ("http://a.example\\@b.example/", "must be ASCII"),
        ("http://ⓛocalhost/", "must be ASCII"),
        ("http://１２７.0.0.1/", "must be ASCII"),
        ("http://a%2eb/", "no name and no address"),
        ("http://-a.example/", "no name and no address"),
        ("http://a..example/", "no name and no address"),
        ("http://" + "a." * 127 + "example/", "no name and no address"),
        ("http://a.example/" + "x" * 2048, "at most 2048 characters"),
        # An IPv4 address in the forms that resolvers take too.
        ("http://2130706433/", "four decimal numbers"),
        ("http://0x7f000001/", "four decimal numbers"),
        ("http://0x7f.1/", "four decimal numbers"),
        ("http://127.1/", "four decimal numbers"),
        ("http://127.0.0.1.1/", "four decimal numbers"),
        ("http://0177.0.0.1/", "four decimal numbers"),
        ("http://127.0.0.0x1/", "four decimal numbers"),
        ("http://127.0.0.08/", "four decimal numbers"),
        ("http://127.0.0.256/", "four decimal numbers"),
        ("http://127.0.0.1../", "no name and no address"),
    ],
)
def test_a_url_that_breaks_a_rule_is_refused_with_it(url: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        parse_url(url)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_an_address_on_the_open_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254"),
        *("169.254.169.254", "172.16.0.1", "192.0.2.1", "192.168.0.1", "192.88.99.1"),
        *("198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:169.254.169.254"),
        *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::"),
        *("2002:808:808::", "2001::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1"),
        *("fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "::ffff:0:127.0.0.1"),
    ],
)
def test_an_address_that_is_private_in_any_form_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "allowed"),
    [
        ("10.0.0.0/8", "a.lan", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "a.lan", "11.1.2.3", 80, False),
        ("10.0.0.1", "a.lan", "10.0.0.1", 8080, True),
        ("10.0.0.1:8080", "a.lan", "10.0.0.1", 8080, True),
        ("10.0.0.1:8080", "a.lan", "10.0.0.1", 8081, False),
        ("fd00::/8", "a.lan", "fd00::1", 80, True),
        ("fd00::/8", "a.lan", "10.0.0.1", 80, False),
        ("::1", "a.lan", "::1", 80, True),
        ("[::1]:8080", "::1", "::1", 8080, True),
        ("[::1]:8080", "::1", "::1", 80, False),
        ("Mirror.lan", "mirror.lan", "10.0.0.1", 80, True),
        ("mirror.lan:8080", "mirror.lan", "10.0.0.1", 80, False),
        ("mirror.lan", "other.mirror.lan", "10.0.0.1", 80, False),
    ],
)
def test_an_entry_of_import_allow_allows(
    entry: str, host: str, address: str, port: int, allowed: bool
) -> None:
    assert Allowed.parse([entry]).allows(host, ip_address(address), port) is allowed


@pytest.mark.parametrize(
    "entry", ["", "10.0.0.1/8", "10.0.0.0/33", "a b", "a:", "a:0", "a:99999", "http://a", "[::1:x"]
)
def test_an_entry_that_is_none_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"is no (host|network)|has no port"):
        Allowed.parse([entry])


def test_a_urls_own_host_can_be_allowed_at_its_port() -> None:
    named, numbered = parse_url("http://mirror.lan:8080/"), parse_url("http://[::ffff:10.0.0.1]/")

    assert Allowed().with_host(named).allows("mirror.lan", ip_address("10.0.0.1"), 8080)
    assert not Allowed().with_host(named).allows("mirror.lan", ip_address("10.0.0.1"), 80)
    assert Allowed().with_host(numbered).allows("a", ip_address("10.0.0.1"), 80)


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("/other", "https://a.example:8443/other"),
        ("b?c", "https://a.example:8443/x/b?c"),
        ("//b.example/y", "https://b.example/y"),
        ("https://c.example", "https://c.example/"),
    ],
)
def test_a_redirect_is_a_new_url(location: str, where: str) -> None:
    here = parse_url("https://a.example:8443/x/y")

    assert here.follow(location) == parse_url(where)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://a.example/", "a.example redirects from https to http"),
        ("file:///etc/passwd", "a.example redirects: uri: must begin with"),
        ("http://2130706433/", "four decimal numbers"),
        ("http://[", "no URL"),
        ("https://ann:x@a.example/", "no user name"),
    ],
)
def test_a_redirect_is_checked_like_a_url(location: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        parse_url("https://a.example/").follow(location)
