# SPDX-License-Identifier: Apache-2.0
"""SSH keys: the fingerprints that OpenStack shows, and what is no key."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_public_key

from agent.errors import BadRequest
from agent.sshkeys import fingerprint, make_keys
from tests.keys import ED25519, ED25519_FINGERPRINT, RSA, RSA_FINGERPRINT


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (RSA, RSA_FINGERPRINT),
        (f"{RSA}\n", RSA_FINGERPRINT),
        (f"{RSA}\r\n", RSA_FINGERPRINT),
        (ED25519, ED25519_FINGERPRINT),
        (ED25519.removesuffix(" ann@home"), ED25519_FINGERPRINT),
        (f"{ED25519} and é 🦊", ED25519_FINGERPRINT),
    ],
)
def test_a_key_has_the_fingerprint_that_openstack_shows(key: str, expected: str) -> None:
    assert fingerprint(key) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "key",
        "ssh-rsa",
        "ssh-rsa ",
        "ssh-rsa AAAA",
        "ssh-rsa ???? comment",
        "ssh-rsa é",
        ED25519[:60],
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        f" {ED25519}",
        f'command="reboot" {ED25519}',
        "-----BEGIN RSA PRIVATE KEY-----",
        # a point of an elliptic curve in its compressed form
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAAhAgAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAB",
    ],
)
def test_what_is_no_key_is_refused_and_named(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^public_key: .*OpenSSH's format"):
        fingerprint(text)


@pytest.mark.parametrize("between", ["\n", "\r", "\r\n", "\u2028", "\x0b"])
def test_a_second_line_is_refused(between: str) -> None:
    with pytest.raises(BadRequest, match="it must be one line"):
        fingerprint(f"{ED25519}{between}{RSA}")


def test_a_made_pair_belongs_together_and_is_new_each_time() -> None:
    made = make_keys()

    private = load_pem_private_key(made.private_key.encode(), password=None)
    assert isinstance(private, RSAPrivateKey)
    assert made.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert private.key_size == 2048
    assert private.public_key() == load_ssh_public_key(made.public_key.encode())
    assert made.public_key.split()[2:] == ["Generated-by-Cumulet"]
    assert make_keys().public_key != made.public_key


def test_the_private_half_is_not_in_the_repr() -> None:
    assert "PRIVATE" not in repr(make_keys())
