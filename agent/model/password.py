# SPDX-License-Identifier: Apache-2.0
"""Passwords of guests: which are taken, how one is made up, and as what it travels.

In clear a password is only in the request that gives it and in the one answer that shows it.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LENGTH = 12
"""Characters of a password that is made up, as in Nova."""

MOST_BYTES = 255
"""Of a given password in UTF-8: crypt(3) takes 511, Windows 127 characters."""

SYMBOLS = ("23456789", "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "-_.+")
"""What passwords are made up of, class by class: nothing that looks like something else (Nova)."""

USUAL_CLASSES = 3  # as in Nova, the signs are left out unless the rule wants them

CLASSES: tuple[Callable[[str], bool], ...] = (
    str.isdigit,
    str.isupper,
    str.islower,
    lambda char: not char.isalnum(),
)

ADMIN_USER = "os_admin_user"
"""The property of an image that names the account whose password `adminPass` is."""

MOST_ACCOUNT = 255  # characters of an account's name

LOCKED = "!"
"""A hash that no password has: the account can't be entered by one."""


@dataclass(frozen=True, slots=True)
class PasswordRule:
    """How strong a given password must be (seed, "adminPass": a complexity that may be wanted)."""

    min_length: int = 0  # characters
    min_classes: int = 0  # of four: digits, capitals, small letters, signs

    def find_problem(self, password: str) -> str | None:
        """Say in what a password breaks the rule, without a letter of it."""
        wanted = []
        if len(password) < self.min_length:
            wanted.append(f"at least {self.min_length} characters")
        if sum(any(map(of_class, password)) for of_class in CLASSES) < self.min_classes:
            wanted.append(
                f"characters of at least {self.min_classes} of the classes "
                "digits, capitals, small letters and signs"
            )
        return f"The password must have {' and '.join(wanted)}." if wanted else None

    def make_password(self) -> str:
        """Make up a password that keeps the rule: 12 characters or more, of each usual class."""
        groups = SYMBOLS[: max(USUAL_CLASSES, self.min_classes)]
        length = max(LENGTH, self.min_length)
        chosen = [secrets.choice(group) for group in groups]
        chosen += [secrets.choice("".join(groups)) for _ in range(length - len(chosen))]
        secrets.SystemRandom().shuffle(chosen)
        return "".join(chosen)


@dataclass(frozen=True, slots=True)
class Credential:
    """An account's password on its way into a guest, never in clear: as one of the two."""

    user: str
    hash: str | None = field(default=None, repr=False)  # crypt(3), for whoever takes that
    sealed: str | None = field(default=None, repr=False)  # only this installation can open it


def account_of(image_properties: Mapping[str, str]) -> str:
    """Whose password `adminPass` is: the image says it, or it is the system's administrator."""
    named = image_properties.get(ADMIN_USER)
    if named:
        return named
    return "Administrator" if is_windows(image_properties) else "root"


def find_account_problem(image_properties: Mapping[str, str]) -> str | None:
    """Say why an image's `os_admin_user` can name no account, of Linux or of Windows."""
    name = image_properties.get(ADMIN_USER, "")
    if len(name) > MOST_ACCOUNT or name != name.strip() or name.startswith("-"):
        problem = "begin with '-', begin or end with white space, or be longer than 255 characters"
    elif ":" in name or "/" in name or not name.isprintable():
        problem = "have ':', '/' or characters that can't be printed"
    else:
        return None
    return f"{ADMIN_USER}: an account's name must not {problem}."


def is_windows(image_properties: Mapping[str, str]) -> bool:
    """Whether the guest takes no crypt hash: it must be told its password itself."""
    return image_properties.get("os_type", "").lower() == "windows"


def find_form_problem(password: str) -> str | None:
    """Say why a text can be nobody's password."""
    if not 0 < len(password.encode()) <= MOST_BYTES:
        return f"must have 1 to {MOST_BYTES} bytes."
    if any(unicodedata.category(char) == "Cc" for char in password):
        return "must have no control characters."
    return None
