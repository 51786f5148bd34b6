# SPDX-License-Identifier: Apache-2.0
"""Fetches an image from the net as a stream, and nothing that only this host may reach.

# Note [Only what was checked]
A name may give another address each time it is asked for. So each hop's host is resolved once, all
its addresses are checked, and the connection goes to exactly those: by a socket of our own, which
http.client only speaks over. A redirect is a new hop. Proxies of the environment are not used.

# Note [What an error tells]
Whether a private host exists, listens or filters is nobody's business: one sentence for all of it,
and never a word of what a server has sent.

# Note [Every wait ends]
A server may be silent, or send a byte a minute, in the greeting, the headers or the body. A thread
beside the download looks each second whether it is too slow, too late or no longer wanted, and
then cuts the connection under it.
"""

from __future__ import annotations

import http.client
import logging
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from agent.errors import AgentError, BadRequest, Forbidden
from agent.model.webaddress import Address, Allowed, Place, is_public, plain

log = logging.getLogger(__name__)

CHUNK_BYTES = 2**20
MAX_REDIRECTS = 5
MAX_ADDRESSES = 4  # tried of one host
REDIRECTS = frozenset({301, 302, 303, 307, 308})

HEADERS = {
    "User-Agent": "cumulet",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, in seconds."""

    connect_s: float = 10.0  # for its name, and for each address
    silence_s: float = 30.0  # between two pieces
    total_s: float = 6 * 3600.0  # for all of it
    window_s: float = 60.0  # in each of these …
    window_bytes: int = 4 * 2**20  # … so much must come
    look_s: float = 1.0

    def within(self, total_s: float) -> Patience:
        """The same, for so many seconds in all."""
        return replace(self, total_s=total_s)


USUAL = Patience()


@dataclass(frozen=True, slots=True)
class Body:
    """What a server sends: take the chunks once, and to their end."""

    size: int | None  # bytes, when the server says so
    chunks: Iterator[bytes]


Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host. Blocks; `OSError` when it knows none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


@contextmanager
def download(
    place: Place,
    *,
    allowed: Allowed,
    max_bytes: int,
    patience: Patience = USUAL,
    why_stop: Callable[[], AgentError | None] = lambda: None,
    resolve: Resolve = resolve,
) -> Iterator[Body]:
    """Begin to fetch a URL and give its body. Blocks, as taking the chunks does.

    `why_stop` is asked each second, by another thread; what it gives ends the download, as its
    error. `BadRequest` when a rule or the server is in the way, `Forbidden` above `max_bytes`.
    """
    line = _Line(patience, why_stop)
    watch = threading.Thread(target=line.watch, name="download-watch", daemon=True)
    watch.start()
    try:
        response, last = _follow_redirects(line, place, allowed, resolve)
        with response:
            size = _size_of(response, last.host, max_bytes)
            yield Body(size, _chunks(line, response, last.host, size, max_bytes))
    finally:
        line.done.set()
        line.close()
        watch.join()


def check_address(place: Place, allowed: Allowed) -> None:
    """Refuse a URL whose host is a private address, without asking anybody. `BadRequest`."""
    if place.address is not None:
        _check(place, [place.address], allowed)


@dataclass(slots=True)
class _Line:
    """The connection of the moment, which another thread may cut."""

    patience: Patience
    why_stop: Callable[[], AgentError | None]
    began: float = field(default_factory=time.monotonic)
    received: int = 0  # bytes of the body
    done: threading.Event = field(default_factory=threading.Event)
    reason: AgentError | None = None
    sock: socket.socket | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, sock: socket.socket) -> None:
        """Make this the connection of the moment; raises when the line was cut meanwhile."""
        with self.lock:
            self.sock = sock
        self.check()

    def check(self) -> None:
        """Raise what the line was cut for, if it was."""
        if self.reason is not None:
            raise self.reason

    def cut(self, reason: AgentError) -> None:
        """End whatever waits for the connection."""
        with self.lock:
            self.reason = reason
            if self.sock is not None:
                with suppress(OSError):
                    # Not the method of an SSL socket, which would say good-bye first.
                    socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        with self.lock:
            if self.sock is not None:
                self.sock.close()
                self.sock = None

    def watch(self) -> None:
        """Cut the line when there is a reason to; ends with the download."""
        window_from, received = self.began, 0
        while not self.done.wait(self.patience.look_s):
            now = time.monotonic()
            reason = self._reason(now)
            if reason is None and now - window_from >= self.patience.window_s:
                if self.received - received < self.patience.window_bytes:
                    reason = BadRequest(
                        f"The server is too slow: {self.received - received} bytes came in "
                        f"{self.patience.window_s:g} s."
                    )
                window_from, received = now, self.received
            if reason is not None:
                self.cut(reason)
                return

    def _reason(self, now: float) -> AgentError | None:
        if now - self.began > self.patience.total_s:
            return BadRequest(
                f"The download took longer than {self.patience.total_s:g} s and was ended."
            )
        with suppress(AgentError):  # the database is busy: asked again in a second
            return self.why_stop()
        return None


def _follow_redirects(
    line: _Line, place: Place, allowed: Allowed, resolve: Resolve
) -> tuple[http.client.HTTPResponse, Place]:
    """Ask, hop by hop, and give the answer that is no redirect, with where it came from."""
    for _ in range(MAX_REDIRECTS + 1):
        response = _ask(line, place, allowed, resolve)
        if response.status not in REDIRECTS:
            break
        location = response.getheader("Location")
        response.close()
        line.close()
        if location is None:
            raise BadRequest(f"{place.host} redirects and does not say where to.")
        place = place.follow(location)
    else:
        raise BadRequest(f"The URL was redirected more than {MAX_REDIRECTS} times.")
    if response.status != http.HTTPStatus.OK:
        status = response.status
        response.close()
        raise BadRequest(f"{place.host} answered {status}, not 200 with an image.")
    return response, place


def _ask(line: _Line, place: Place, allowed: Allowed, resolve: Resolve) -> http.client.HTTPResponse:
    """Send the request to an address of the host that was checked, and give the answer's head."""
    addresses = _find(place, line.patience.connect_s, resolve)
    _check(place, addresses, allowed)
    with _told(line, place.host):
        sock = _connect(line, place, addresses)
        connection = http.client.HTTPConnection(place.host, place.port)
        connection.auto_open = 0  # it speaks over this socket and never opens another
        connection.sock = sock
        connection.request("GET", place.path, headers={"Host": place.host_and_port, **HEADERS})
        response = connection.getresponse()
    if line.reason is not None:  # a head that was cut may still read as one
        response.close()
        raise line.reason
    return response


def _find(place: Place, timeout_s: float, resolve: Resolve) -> Sequence[Address]:
    """Resolve a host: an address is its own; for a name the system is asked, once."""
    if place.address is not None:
        return [plain(place.address)]
    answer: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolve(place.host, place.port))
        except (OSError, UnicodeError) as error:
            log.info("import: %s is not found: %s", place.host, error)
            answer.put([])

    # The system's resolver knows no deadline, so its thread is left behind when it takes too long.
    threading.Thread(target=ask, name="download-resolve", daemon=True).start()
    try:
        return [plain(ip_address(text)) for text in answer.get(timeout=timeout_s)]
    except queue.Empty:
        log.info("import: no answer for the name %s", place.host)
        return []


def _check(place: Place, addresses: Sequence[Address], allowed: Allowed) -> None:
    """Refuse a host unless each of its addresses is public, or allowed."""
    refused = [
        address
        for address in map(plain, addresses)
        if not allowed.allows(place.host, address, place.port)
        and (not is_public(address) or _is_own(address))
    ]
    if refused or not addresses:
        log.info("import: refused %s: private are %s", place.host, list(map(str, refused)))
        raise BadRequest(
            f"{place.host} is not fetched from: it is unknown, or not on the public internet. "
            "Where that is meant, an administrator adds it to import_allow in the configuration."
        )


def _is_own(address: Address) -> bool:
    """Whether an address is this host's: what listens there may trust whoever comes from here."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((str(address), 9))  # sends nothing: it only asks for the way
        return bool(ip_address(probe.getsockname()[0]) == address)
    return False


def _connect(line: _Line, place: Place, addresses: Sequence[Address]) -> socket.socket:
    """Connect to the first address that answers, and hold the line; TLS checks the host's name."""
    for address in addresses[:MAX_ADDRESSES]:
        line.check()
        target = (str(address), place.port)
        try:
            sock = socket.create_connection(target, line.patience.connect_s)
            break
        except OSError as error:
            log.info("import: %s at %s: %s", place.host, target, error)
    else:
        raise BadRequest(f"{place.host} can't be reached at port {place.port}.")
    line.hold(sock)
    sock.settimeout(line.patience.silence_s)
    if place.scheme == "https":
        context = ssl.create_default_context()
        sock = context.wrap_socket(sock, server_hostname=place.host, do_handshake_on_connect=False)
        line.hold(sock)
        sock.do_handshake()
    return sock


def _size_of(response: http.client.HTTPResponse, host: str, max_bytes: int) -> int | None:
    """Return the length of a body that can be taken as it comes; None when it comes in chunks."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadRequest(
            f"{host} sends the image compressed (Content-Encoding), which was not asked for. "
            "Name a URL that gives the file as it is."
        )
    codings = [value.lower() for value in response.headers.get_all("Transfer-Encoding", [])]
    if codings == ["chunked"]:
        return None
    lengths = set(response.headers.get_all("Content-Length", []))
    length = lengths.pop() if len(lengths) == 1 else ""
    if codings or not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise BadRequest(
            f"{host} does not say how long the image is: half of it could not be told from all."
        )
    if int(length) > max_bytes:
        raise _too_large(max_bytes)
    return int(length)


def _chunks(
    line: _Line, response: http.client.HTTPResponse, host: str, size: int | None, max_bytes: int
) -> Iterator[bytes]:
    while size is None or line.received < size:
        rest = CHUNK_BYTES if size is None else min(CHUNK_BYTES, size - line.received)
        with _told(line, host):
            chunk = response.read1(rest)
        line.check()
        if not chunk:
            break
        line.received += len(chunk)
        if line.received > max_bytes:
            raise _too_large(max_bytes)
        yield chunk
    line.done.set()  # what follows is this host's work, not the server's
    if size is not None and line.received < size:
        raise BadRequest(f"{host} broke off after {line.received} of {size} bytes.")


def _too_large(max_bytes: int) -> Forbidden:
    return Forbidden(f"The image is larger than the {max_bytes} bytes that an image may have here.")


@contextmanager
def _told(line: _Line, host: str) -> Iterator[None]:
    """Turn what the connection raises into what a user may read: why it was cut, before all."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        line.check()
        log.info("import: %s: %s", host, type(error).__name__)
        raise BadRequest(f"{host} {_words(error, line.patience)}") from error


def _words(error: Exception, patience: Patience) -> str:
    match error:
        case TimeoutError():
            return f"has sent nothing for {patience.silence_s:g} s."
        case ssl.SSLCertVerificationError():
            return f"can't be trusted: {error.verify_message}."
        case ssl.SSLError():
            return "does not speak TLS as it should."
        case http.client.HTTPException():
            return "does not speak HTTP as it should."
    return "broke off the connection."
