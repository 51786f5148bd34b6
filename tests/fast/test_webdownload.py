# SPDX-License-Identifier: Apache-2.0
"""Downloads from servers of the test's own on loopback: what is fetched, and all that is not."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from agent.errors import AgentError, BadRequest, Conflict, Forbidden
from agent.model.webaddress import Allowed, parse_url
from agent.webdownload import Patience, check_address, download
from tests.fast.downloads import BODY, fetch, reason
from tests.lab.cloud import ROOT
from tests.lab.commands import run
from tests.lab.webserver import WebServer, redirect, reply, web_server

METADATA = "169.254.169.254"

OF_THIS_HOST = """
import socket
from agent.errors import BadRequest
from agent.model.webaddress import Allowed, parse_url
from agent.webdownload import download

with socket.create_server(("9.9.9.9", 8080)) as server:
    server.setblocking(False)
    try:
        with download(parse_url("http://9.9.9.9:8080/"), allowed=Allowed(), max_bytes=1):
            pass
    except BadRequest as error:
        print(error.message)
    try:
        server.accept()
    except BlockingIOError:
        print("and nobody has asked")
"""


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


# What is fetched.


def test_a_body_comes_whole(server: WebServer) -> None:
    server.answers["/image?a=b"] = reply(200, BODY)

    assert fetch(server, server.url("/image?a=b")) == BODY
    assert f"Host: {server.place}\r\n" in server.asked[0]
    assert "Accept-Encoding: identity\r\n" in server.asked[0]


def test_a_body_in_chunks_comes_whole(server: WebServer) -> None:
    chunks = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
    server.answers["/"] = reply(200, chunks, Content_Length="", Transfer_Encoding="chunked")

    assert fetch(server, server.url("/")) == b"hello world"


def test_a_redirect_is_followed(server: WebServer) -> None:
    server.answers |= {"/a": redirect("/b", 301), "/b": redirect(server.url("/c"), 307)}
    server.answers["/c"] = reply(200, BODY)

    assert fetch(server, server.url("/a")) == BODY


def test_the_size_is_told_before_the_body(server: WebServer) -> None:
    server.answers["/"] = reply(200, BODY)

    with download(
        parse_url(server.url("/")), allowed=Allowed.parse([server.place]), max_bytes=10**9
    ) as body:
        assert body.size == len(BODY)


def test_proxies_of_the_environment_are_not_used(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/"] = reply(200, BODY)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert fetch(server, server.url("/")) == BODY


# Where nobody is sent to.


@pytest.mark.parametrize(
    "target",
    [
        f"http://{METADATA}/latest/meta-data/",
        "http://127.0.0.1:{other}/",
        "http://[::ffff:127.0.0.1]:{other}/",
        "http://[::1]:{other}/",
        "http://[64:ff9b::7f00:1]:{other}/",
        "http://0.0.0.0:{other}/",
        "http://localhost:{other}/",
        "http://localhost.:{other}/",
        "http://does-not.exist/no/possible/way",
    ],
)
def test_a_redirect_to_a_private_place_is_refused_and_nobody_is_asked(
    server: WebServer, target: str
) -> None:
    with web_server() as other:
        url = target.format(other=other.port)
        server.answers["/"] = redirect(url)
        redirected = reason(server, server.url("/"), resolve=a_resolver)
        direct = reason(server, url, resolve=a_resolver)

        assert other.asked == []
    assert redirected == direct
    assert direct == (
        f"{parse_url(url).host} is not fetched from: it is unknown, or not on the public internet. "
        "Where that is meant, an administrator adds it to import_allow in the configuration."
    )


def a_resolver(host: str, port: int) -> Sequence[str]:
    """The system's, but for names outside this machine: those are asked of nobody."""
    if host == "localhost":
        return ["127.0.0.1", "::1"]
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://2130706433/", "four decimal numbers"),
        ("http://0x7f.0.0.1/", "four decimal numbers"),
        ("http://0177.0.0.1/", "four decimal numbers"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("gopher://127.0.0.1/", "must begin with http:// or https://"),
        ("http://ann:secret-word@127.0.0.1/", "no user name and no password"),
        ("http://127.0.0.1:22/", "port 22"),
        ("", "redirects and does not say where to|more than 5 times"),
    ],
)
def test_a_redirect_that_breaks_a_rule_is_refused(server: WebServer, target: str, why: str) -> None:
    server.answers["/"] = redirect(target)

    with pytest.raises(BadRequest, match=why):
        fetch(server, server.url("/"))


def test_a_name_that_has_a_private_address_among_others_is_refused(server: WebServer) -> None:
    def both(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8", "10.0.0.1"]

    assert "is not fetched from" in reason(server, "http://a.example/", resolve=both)


def test_a_name_is_resolved_once_and_its_checked_address_is_used(server: WebServer) -> None:
    asked: list[str] = []

    def changing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1" if len(asked) == 1 else "127.0.0.2"]

    server.answers["/"] = reply(200, BODY)
    url = f"http://mirror.example:{server.port}/"

    assert fetch(server, url, resolve=changing) == BODY
    assert asked == ["mirror.example"]
    assert f"Host: mirror.example:{server.port}\r\n" in server.asked[0]


def test_a_resolver_that_hangs_is_not_waited_for(server: WebServer) -> None:
    def hanging(host: str, port: int) -> Sequence[str]:
        server.ended.wait(30)
        return ["127.0.0.1"]

    with pytest.raises(BadRequest, match="is not fetched from"):
        fetch(server, "http://a.example/", resolve=hanging, patience=Patience(connect_s=0.05))


def test_an_address_of_this_host_is_not_public() -> None:
    """In a network of its own, whose only interface has an address that is public elsewhere."""
    up = 'ip link set lo up && ip address add 9.9.9.9/32 dev lo && exec "$@"'
    done = run(
        ["unshare", "--net", "sh", "-c", up, "sh", sys.executable, "-c", OF_THIS_HOST],
        cwd=ROOT,
        timeout_s=60,
    )

    assert "9.9.9.9 is not fetched from" in done.stdout
    assert "and nobody has asked" in done.stdout


def test_an_address_in_a_url_is_judged_without_asking() -> None:
    check_address(parse_url("http://10.0.0.1/"), Allowed.parse(["10.0.0.0/8"]))
    check_address(parse_url("http://a.example/"), Allowed())
    with pytest.raises(BadRequest, match="import_allow"):
        check_address(parse_url("http://10.0.0.1/"), Allowed())


def test_a_port_that_is_closed_is_told_without_a_cause(server: WebServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    assert reason(server, f"http://127.0.0.1:{port}/", "127.0.0.1") == (
        f"127.0.0.1 can't be reached at port {port}."
    )


def test_a_loop_of_redirects_ends(server: WebServer) -> None:
    server.answers |= {"/a": redirect("/b"), "/b": redirect("/a")}

    assert "more than 5 times" in reason(server, server.url("/a"))
    assert len(server.asked) == 6


# What servers send.


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply(404, b"secret"), "answered 404, not 200"),
        (reply(206, b"secret"), "answered 206, not 200"),
        (reply(200, b"secret", Content_Encoding="gzip"), "compressed"),
        (reply(200, b"secret", Transfer_Encoding="gzip, chunked"), "how long"),
        (reply(200, b"secret", Content_Length=""), "how long"),
        (reply(200, b"secret", Content_Length="-1"), "how long"),
        (reply(200, b"secret", Content_Length="1e3"), "how long"),
        (reply(200, b"secret", Content_Length="9\r\nContent-Length: 8"), "how long"),
        (reply(200, b"secret", Content_Length="1000"), "broke off after 6 of 1000 bytes"),
        (
            reply(200, b"6\r\nsecret\r\n", Content_Length="", Transfer_Encoding="chunked"),
            "does not speak HTTP",
        ),
        (
            reply(200, b"secret\r\n", Content_Length="", Transfer_Encoding="chunked"),
            "does not speak HTTP",
        ),
        (lambda connection: connection.sendall(b"SSH-2.0-secret\r\n"), "does not speak HTTP"),
        (lambda connection: connection.sendall(b"HTTP/1.1 200\r\nA" + b"a" * 70_000), "HTTP"),
        (lambda connection: connection.sendall(b"HTTP/1.1 200\r\n" + b"a: b\r\n" * 200), "HTTP"),
        (lambda connection: None, "does not speak HTTP|broke off"),
    ],
)
def test_an_answer_that_is_no_image_is_refused(server: WebServer, answer: Any, why: str) -> None:
    server.answers["/"] = answer

    told = reason(server, server.url("/"))
    assert any(words in told for words in why.split("|"))


def test_more_than_was_said_is_not_taken(server: WebServer) -> None:
    server.answers["/"] = reply(200, BODY, Content_Length="100")

    assert fetch(server, server.url("/")) == BODY[:100]


def test_a_body_above_the_cap_is_refused_by_its_length(server: WebServer) -> None:
    server.answers["/"] = reply(200, BODY)

    with pytest.raises(Forbidden, match="larger than the 1000 bytes"):
        fetch(server, server.url("/"), max_bytes=1000)


def test_an_endless_body_is_refused_at_the_cap(server: WebServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.answers["/"] = server.trickle(b"ff\r\n" + b"x" * 255 + b"\r\n", 0, head)

    with pytest.raises(Forbidden, match="larger than the 100000 bytes"):
        fetch(server, server.url("/"), max_bytes=100_000)


# Every wait ends.


IMPATIENT = Patience(silence_s=0.2, total_s=30, look_s=0.05)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200", HEAD, HEAD + b"x"])
def test_silence_is_not_waited_out(server: WebServer, head: bytes) -> None:
    server.answers["/"] = server.trickle(b"", 1000, head)

    assert "has sent nothing for 0.2 s" in reason(server, server.url("/"), patience=IMPATIENT)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nA: ", HEAD])
@pytest.mark.parametrize(
    ("patience", "why"),
    [
        (Patience(window_s=0.3, look_s=0.05), "too slow"),
        (Patience(total_s=0.3, look_s=0.05), "longer than 0.3 s"),
    ],
)
def test_a_byte_now_and_then_is_too_slow(
    server: WebServer, head: bytes, patience: Patience, why: str
) -> None:
    server.answers["/"] = server.trickle(b"x", 0.02, head)

    assert why in reason(server, server.url("/"), patience=patience)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nA: ", HEAD])
def test_what_is_no_longer_wanted_is_ended_though_the_server_is_silent(
    server: WebServer, head: bytes
) -> None:
    server.answers["/"] = server.trickle(b"", 1000, head)
    gone = Conflict("The image was deleted.")

    def why_stop() -> AgentError | None:
        return gone if server.asked else None

    began = time.monotonic()
    with pytest.raises(Conflict, match="The image was deleted"):
        fetch(server, server.url("/"), patience=Patience(look_s=0.05), why_stop=why_stop)
    assert time.monotonic() - began < 10
