# SPDX-License-Identifier: Apache-2.0
"""Hides passwords that must be kept for a while: as crypt hashes, or sealed with a key.

A guest of Linux takes a hash, which is all that is ever kept of its password. Windows must be told
the password itself: between the request and the guest it is sealed with a key that lies beside the
database (0600), so that a copy of the database alone gives none away.

Both libraries are imported when the first password comes.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from agent.errors import HostFailed
from agent.wholefile import create_private, refusals, whole_file

_MAKING = threading.Lock()  # of the key: two at once must not make two
_HASHING = threading.Lock()  # crypt(3) writes into one buffer for the whole process


def hash_password(password: str) -> str:
    """Make a crypt hash (SHA-512) with a salt of its own, as /etc/shadow has them.

    `HostFailed` for what the host's crypt(3) does not take.
    """
    from oslo_utils import secretutils

    with _HASHING:
        hashed = secretutils.crypt_password(password, secretutils.crypt_mksalt("SHA-512"))
    if not hashed.startswith("$6$"):  # how crypt(3) says that it can't
        raise HostFailed("The password could not be hashed: the host's libcrypt refuses it.")
    return hashed


@dataclass(frozen=True, slots=True)
class Seal:
    """Closes and opens texts with the key in a file, which is made with the first of them."""

    key_file: Path

    def close(self, text: str) -> str:
        """Seal a text. `HostFailed` when the key can be neither read nor written, or is none."""
        from cryptography.fernet import Fernet

        with _MAKING, refusals(f"{self.key_file.name} could not be read"):
            if not self.key_file.exists():
                self._write(Fernet.generate_key())
            key = self.key_file.read_bytes()
        try:
            return Fernet(key).encrypt(text.encode()).decode("ascii")
        except ValueError:
            raise HostFailed(
                f"No password can be kept: {self.key_file.name} of the state folder is damaged. "
                "Put it back from a backup, or remove it: a new one is made."
            ) from None

    def open(self, sealed: str) -> str:
        """Give the text again; `HostFailed` when it was sealed with another key."""
        from cryptography.fernet import Fernet, InvalidToken

        try:
            key = self.key_file.read_bytes()
            return Fernet(key).decrypt(sealed).decode()
        except (OSError, ValueError, InvalidToken) as error:
            raise HostFailed(
                f"The server's password can't be read any more: {self.key_file.name} of the state "
                "folder is gone or another one. Set a new password."
            ) from error

    def _write(self, key: bytes) -> None:
        with whole_file(self.key_file) as part, os.fdopen(create_private(part), "wb") as file:
            file.write(key)
