# SPDX-License-Identifier: Apache-2.0
"""Downloads by TLS: the connection goes to an address, and the certificate proves the name."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.webdownload import Patience
from tests.fast.downloads import BODY, fetch, reason
from tests.lab.webserver import WebServer, redirect, reply, web_server


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


def certificate(folder: Path, name: str) -> Path:
    """A key and a certificate for a name, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.9"))]
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[WebServer, Path]]:
    """A server of "mirror.example" by TLS, and its certificate."""
    path = certificate(tmp_path, "mirror.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with web_server(context) as running:
        running.answers["/"] = reply(200, BODY)
        yield running, path


def at_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_tls_proves_the_name_though_the_connection_goes_to_an_address(
    secure: tuple[WebServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, path = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    url, other = (f"https://{name}.example:{server.port}/" for name in ("mirror", "other"))

    assert fetch(server, url, resolve=at_loopback) == BODY
    told = reason(server, other, resolve=at_loopback)
    assert told.startswith("other.example can't be trusted: Hostname mismatch")


def test_a_certificate_that_nobody_vouches_for_is_refused(
    secure: tuple[WebServer, Path],
) -> None:
    server, _ = secure
    url = f"https://mirror.example:{server.port}/"

    assert "can't be trusted: self-signed certificate" in reason(server, url, resolve=at_loopback)


def test_a_server_without_tls_is_told_as_such(server: WebServer) -> None:
    server.answers["/"] = reply(200, BODY)
    url = f"https://mirror.example:{server.port}/"

    told = reason(server, url, resolve=at_loopback)
    assert told == "mirror.example does not speak TLS as it should."


def test_https_is_not_left_for_http(
    secure: tuple[WebServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, path = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    server.answers["/"] = redirect(server.url("/plain"))

    url = f"https://mirror.example:{server.port}/"
    assert "from https to http" in reason(server, url, resolve=at_loopback)


def test_a_greeting_that_never_comes_is_cut(server: WebServer) -> None:
    """TLS to a listener that accepts and is silent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        patience = Patience(total_s=0.2, look_s=0.05)
        url = f"https://127.0.0.1:{port}/"

        told = reason(server, url, "127.0.0.1", patience=patience)
    assert "took longer than 0.2 s" in told
