# SPDX-License-Identifier: Apache-2.0
"""SSH keys: made, and recognised by their fingerprint. Nothing in here keeps or logs a key.

`cryptography` is large and few requests need it: it is imported when the first one does.
"""

from __future__ import annotations

import base64
import hashlib

from agent.errors import BadRequest
from agent.model.keypair import MadeKeys

BITS = 2048
COMMENT = "Generated-by-Cumulet"


def make_keys() -> MadeKeys:
    """Make a pair of RSA keys. Takes some 0.2 s."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return MadeKeys(f"{public.decode()} {COMMENT}", private.decode())


def fingerprint(public_key: str) -> str:
    """Give a public key's MD5, as "1e:2c:…"; `BadRequest` for what is not one key on one line.

    A second line would be a second key in the guest's `authorized_keys`, which nobody saw.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    line = public_key.rstrip("\r\n")
    if not line.isprintable():
        raise BadRequest("public_key: Keypair data is invalid: it must be one line.")
    try:
        serialization.load_ssh_public_key(line.encode())
        data = base64.b64decode(line.split()[1])
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):  # the last: a compressed point
        raise BadRequest(
            "public_key: Keypair data is invalid: it must be a public key in OpenSSH's format, "
            "as `ssh-rsa AAAA… comment`."
        ) from None
    digits = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
