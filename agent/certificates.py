# SPDX-License-Identifier: Apache-2.0
"""Certificates as keypairs of the type x509: made, and recognised by their fingerprint.

Nothing in here keeps or logs a key. `cryptography` is imported when the first request needs it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.errors import BadRequest
from agent.model.keypair import MadeKeys

BITS = 2048
LIFETIME = timedelta(days=3650)
NAME = "Generated-by-Cumulet"


def make_certificate() -> MadeKeys:
    """Make an RSA key and a certificate that it signs itself, for logins. Takes some 0.2 s."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return MadeKeys(public.decode(), private.decode())


def fingerprint(public_key: str) -> str:
    """Give a certificate's SHA-1, as "1e:2c:…"; `BadRequest` for what is no certificate in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        certificate = x509.load_pem_x509_certificate(public_key.encode())
    except ValueError:
        raise BadRequest(
            "public_key: Keypair data is invalid: of the type x509 it must be a certificate in PEM."
        ) from None
    return certificate.fingerprint(hashes.SHA1()).hex(":")
