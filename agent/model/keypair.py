# SPDX-License-Identifier: Apache-2.0
"""Keypairs: the public halves that servers let in. A private half is never part of a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agent.errors import BadRequest


@dataclass(frozen=True, slots=True)
class MadeKeys:
    """A new pair. The private half is for whoever asked for it, once."""

    public_key: str  # a line in OpenSSH's format, or a certificate in PEM
    private_key: str = field(repr=False)  # PEM


@dataclass(frozen=True, slots=True)
class NewKeypair:
    """A keypair that is to be kept. It is its user's, whatever the project."""

    user_id: str
    name: str
    public_key: str  # a line in OpenSSH's format or a certificate, as it was given
    fingerprint: str  # MD5 (of a certificate SHA-1), in pairs of digits with colons between
    created_at: datetime
    type: str = "ssh"  # or "x509"


@dataclass(frozen=True, slots=True)
class Keypair:
    """A keypair as it is kept."""

    id: int
    user_id: str
    name: str
    public_key: str
    fingerprint: str
    created_at: datetime
    type: str = "ssh"  # or "x509"


def check_lets_in(keypair: Keypair) -> None:
    """Raise `BadRequest` for a keypair that lets nobody into a server: a certificate."""
    if keypair.type != "ssh":
        raise BadRequest(
            f"key_name: it is of the type {keypair.type}: servers here let in keys of the type ssh "
            "only."
        )
