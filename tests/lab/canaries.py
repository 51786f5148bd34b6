# SPDX-License-Identifier: Apache-2.0
"""Secrets that are easy to find again, in whatever form they come to light.

Each text begins with a mark that is new in every run and has letters and digits only, so that it
stands in itself in what is quoted for a shell, a URL, JSON or XML; Base64, hexadecimal digits and
UTF-16 are looked for besides.
"""

from __future__ import annotations

import base64
import contextlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote

STRONG_END = " is a /strong+ & größer one"
"""What makes a canary a password of every class, and different in every form of quoting."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """All secrets of a run: the made ones by the mark, others that were given to us as they are."""

    mark: str = field(default_factory=lambda: f"Canary{secrets.token_hex(4)}")
    given: dict[str, str] = field(default_factory=dict)  # by name

    def weak(self, name: str) -> str:
        """Make a secret of this name, a word of letters and digits."""
        return f"{self.mark}{name}"

    def strong(self, name: str) -> str:
        """Make a secret of this name, as a password of all classes of characters."""
        return f"{self.mark}{name}{STRONG_END}"

    def watch(self, name: str, text: str) -> None:
        """Look for a secret that others have made."""
        self.given[name] = text

    def find(self, data: bytes) -> set[str]:
        """Name the secrets that stand in some bytes, in any form."""
        found = {name for name, text in self.given.items() if _has(data, text)}
        if _has(data, self.mark):
            found |= self._named(data)
        return found

    def find_in_files(self, root: Path) -> Mapping[str, set[str]]:
        """Which secrets are in which files below a folder: their paths from there, by name."""
        found: dict[str, set[str]] = {}
        for path in root.rglob("*"):
            if not path.is_file() or path.is_symlink():
                continue
            # What runs there may remove a file at any moment.
            with contextlib.suppress(FileNotFoundError):
                for name in self.find(path.read_bytes()):
                    found.setdefault(name, set()).add(str(path.relative_to(root)))
        return found

    def _named(self, data: bytes) -> set[str]:
        """Whose marks these are, as far as what is around them says it."""
        plain = data + b"\n" + b"\n".join(_decoded(data))
        mark = re.escape(self.mark.encode())
        names = re.findall(mark + rb"([A-Za-z0-9]*)", plain)
        return {name.decode() for name in names} or {"a secret, in an unusual form"}


@cache
def forms(text: str) -> tuple[bytes, ...]:
    """What a text looks like in itself, in a URL, in Base64 at any place, as digits, in UTF-16."""
    raw = text.encode()
    wide = text.encode("utf-16-le")
    inside = [_base64_inside(raw, offset) for offset in range(3)]
    safe = [each.translate(bytes.maketrans(b"+/", b"-_")) for each in inside]
    hexadecimal = [raw.hex().encode(), raw.hex().upper().encode()]
    url = [quote(text).encode(), quote(text, safe="").encode()]
    return tuple(dict.fromkeys([raw, *url, *inside, *safe, *hexadecimal, wide]))


def _has(data: bytes, text: str) -> bool:
    return any(form in data for form in forms(text))


def _base64_inside(raw: bytes, offset: int) -> bytes:
    """The part of the Base64 of a longer text that these bytes alone decide."""
    encoded = base64.b64encode(b"\0" * offset + raw)
    return encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


def _decoded(data: bytes) -> list[bytes]:
    """What stands in the data in Base64: each long run of its letters, read from four places."""
    runs = re.findall(rb"[A-Za-z0-9+/_-]{16,100000}", data)
    table = bytes.maketrans(b"-_", b"+/")
    found = []
    for run in runs:
        for start in range(4):
            part = run[start:].translate(table)
            found.append(base64.b64decode(part[: len(part) // 4 * 4]))
    return found
