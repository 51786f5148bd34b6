# SPDX-License-Identifier: Apache-2.0
"""A web server on loopback that answers as a test tells it to, also as no honest server would."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket], None]


def reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with a status, headers (`_` for `-`) and a body, of the length that it says or has."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    told = {"Content-Length": str(len(body)), "X-Banner": "secret", **given}
    lines = [f"HTTP/1.1 {status} secret", *(f"{k}: {v}" for k, v in told.items() if v), "", ""]
    head = "\r\n".join(lines).encode()
    return lambda connection: connection.sendall(head + body)


def redirect(location: str, status: int = 302) -> Answer:
    """Answer with a redirect."""
    return reply(status, b"secret", Location=location)


@dataclass(slots=True)
class WebServer:
    """The server, while its context lasts."""

    listener: socket.socket
    context: ssl.SSLContext | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # each request's head
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self.listener.getsockname()[1])

    @property
    def place(self) -> str:
        """Its entry in `import_allow`."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        """The URL of a path."""
        return f"http://{self.place}{path}"

    def trickle(self, piece: bytes, every_s: float, head: bytes = b"") -> Answer:
        """Answer with a head, then a piece at a time, without an end."""

        def answer(connection: socket.socket) -> None:
            connection.sendall(head)
            while not self.ended.wait(every_s):
                connection.sendall(piece)

        return answer

    def serve(self) -> None:
        """Answer until the listener is closed."""
        while not self.ended.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, plain: socket.socket) -> None:
        with suppress(OSError), plain:
            connection = plain
            if self.context is not None:
                connection = self.context.wrap_socket(plain, server_side=True)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(4096)
                    if not piece:
                        return
                    head += piece
                    if head[0] == 0x16:  # a TLS greeting
                        connection.sendall(b"HTTP/1.0 400 secret\r\n\r\n")
                        return
                self.asked.append(head.decode())
                path = head.split(b" ")[1].decode()
                self.answers.get(path, reply(404, b"secret"))(connection)


@contextmanager
def web_server(context: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Run a web server on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = WebServer(listener, context)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
