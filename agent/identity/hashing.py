# SPDX-License-Identifier: Apache-2.0
"""What is stored of a secret: scrypt's hash of a password, a plain digest of a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import string
import threading

from agent.model.identity import NO_PASSWORD

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1  # 16 MiB and about 50 ms a try

_TURNS = threading.BoundedSemaphore(2)  # so many at once: many logins shall not take much memory


def hash_token(secret: str) -> str:
    """Hash a token's secret for the store: it is random, so a plain digest is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make_secret(length: int = 24) -> str:
    """Make up a secret that a shell, a URL and a client's options all take as it is.

    24 letters and digits are 142 bits.
    """
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def hash_password(password: str) -> str:
    """Hash a password for the store: "scrypt$N$r$p$salt$key". Takes 50 ms on purpose."""
    salt = secrets.token_bytes(16)
    key = _scrypt(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    parts = (SCRYPT_N, SCRYPT_R, SCRYPT_P, _b64(salt), _b64(key))
    return "$".join(["scrypt", *map(str, parts)])


def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether a password fits its hash, in a time that does not tell how nearly.

    Nobody's hash (None, or that of a user without a password) fits nothing, and takes as long.
    """
    _, n, r, p, salt, key = (password_hash or _NOBODY).split("$")
    got = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    fits = hmac.compare_digest(got, base64.b64decode(key))
    return fits and password_hash not in {None, NO_PASSWORD}


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    with _TURNS:
        return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=2**26, dklen=32)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_NOBODY = f"scrypt${SCRYPT_N}${SCRYPT_R}${SCRYPT_P}${_b64(bytes(16))}${_b64(bytes(32))}"
