# SPDX-License-Identifier: Apache-2.0
"""What is put into a guest at its first boot: the user's files, and the administrator's password.

The files are what the seed calls "server personality". All rules over them that need no request and
no guest are here.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.errors import BadRequest, OverQuota
from agent.model.password import Credential
from agent.model.quota import Quota

PATH_BYTES = 255
"""Of a path in UTF-8 (seed, "Server personality")."""

MOST_FILES = "cumulet_max_personality"
MOST_BYTES = "cumulet_max_personality_size"
"""Properties of an image that may lower the limits for its servers."""

ARCHIVES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), "a zip archive"),
    (re.compile(rb"!<arch>\n"), "an ar archive"),
    (re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}"), "a cpio archive"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "compressed with bzip2"),
    (re.compile(rb"[\s\S]{257}ustar"), "a tar archive"),
)
"""How each kind begins that may pass for text: others hold a NUL, or are no UTF-8."""

UNPRINTABLE = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode's controls, also those that turn or break lines: what a path says is what it is."""

_ANY = 2**31
_LIMIT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class InjectedFile:
    """A text for a path of the guest, which never becomes a path of the host."""

    path: str  # absolute, in its plainest form
    content: bytes = field(repr=False)  # UTF-8


@dataclass(frozen=True, slots=True)
class Injection:
    """All that a server's guest is given once."""

    files: tuple[InjectedFile, ...] = ()
    credential: Credential | None = None


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How many files a server may be given, and how large each (seed, "Server personality")."""

    count: int
    size: int  # bytes of one, decoded
    path_size: int = PATH_BYTES

    def of_image(self, properties: Mapping[str, str]) -> FileLimits:
        """The limits for servers of an image: its properties may lower them, never raise them."""
        return FileLimits(
            min(self.count, _limit(properties, MOST_FILES, self.count)),
            min(self.size, _limit(properties, MOST_BYTES, self.size)),
            self.path_size,
        )


def file_limits(quota: Quota) -> FileLimits:
    """The limits of a project: -1 in its quota is any number, but no path is ever longer."""
    counts = (quota.injected_files, quota.injected_file_content_bytes)
    count, size = (_ANY if most < 0 else most for most in counts)
    path_size = quota.injected_file_path_bytes
    return FileLimits(count, size, min(_ANY if path_size < 0 else path_size, PATH_BYTES))


def find_limit_problem(properties: Mapping[str, str]) -> str | None:
    """Say which of an image's limits is no number."""
    for name in (MOST_FILES, MOST_BYTES):
        if name in properties and not _LIMIT.fullmatch(properties[name]):
            return f"{name}: must be a whole number of 0 or more."
    return None


def check_files(files: Sequence[InjectedFile], limits: FileLimits) -> None:
    """Raise `OverQuota` for too many or too large files, `BadRequest` for what is no text."""
    if len(files) > limits.count:
        raise OverQuota(
            f"personality: Personality file limit exceeded: {len(files)} files were given, "
            f"{limits.count} are allowed."
        )
    for index, file in enumerate(files):
        field_name = f"personality.{index}"
        path_bytes = len(file.path.encode())
        if path_bytes > limits.path_size:
            raise OverQuota(
                f"{field_name}.path: Personality file path too long: from the root it has "
                f"{path_bytes} bytes, {limits.path_size} are allowed."
            )
        if len(file.content) > limits.size:
            raise OverQuota(
                f"{field_name}.contents: Personality content limit exceeded: it has "
                f"{len(file.content)} bytes, {limits.size} are allowed."
            )
        problem = _find_content_problem(file.content)
        if problem:
            raise BadRequest(f"{field_name}.contents: {problem}")
    twice = {file.path for file in files if sum(file.path == other.path for other in files) > 1}
    if twice:
        raise BadRequest("personality: two files have the same path.")
    if any(other.path.startswith(f"{file.path}/") for file in files for other in files):
        raise BadRequest("personality: a file's path is the folder of another one.")


def parse_path(text: str) -> str:
    """Give a path in its plainest form; `ValueError` says why it can't name a guest's file.

    A relative path means the same from the root (as Nova has it): "a.txt" is "/a.txt".
    """
    if any(unicodedata.category(char) in UNPRINTABLE for char in text):
        raise ValueError("must have printable characters only.")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if not parts or text.endswith(("/", "/.")) or text in {".", ""}:
        raise ValueError("must name a file.")
    if ".." in parts:
        raise ValueError("must not climb with '..': write the whole path from the root.")
    return posixpath.join("/", *parts)


def _find_content_problem(content: bytes) -> str | None:
    for beginning, what in ARCHIVES:
        if beginning.match(content):
            return f"must be text, not {what}."
    if b"\0" in content:
        return "must be text: it holds the byte NUL."
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"must be text: it is not UTF-8, from byte {error.start} on."
    return None


def _limit(properties: Mapping[str, str], name: str, otherwise: int) -> int:
    text = properties.get(name, "")
    return int(text) if _LIMIT.fullmatch(text) else otherwise
