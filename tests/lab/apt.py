# SPDX-License-Identifier: Apache-2.0
"""Asks apt what it knows, and fetches packages that are unpacked and never installed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.lab.commands import CommandError, run

TIMEOUT_S = 600.0

SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::Check-")
"""How the names of those settings of the host begin without which its sources may not answer."""

Say = Callable[[str], None]


class AptError(RuntimeError):
    """apt does not give what is needed; the message says what it said."""


class PackagesGoneError(AptError):
    """apt could not fetch what its lists name; they may be old."""


def update() -> None:
    """Fetch new package lists. Blocks for some seconds, and while others use apt."""
    _apt_get("update")


def show(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Give version and dependencies of the candidate of each package that apt knows."""
    shown = run(["apt-cache", "show", "--no-all-versions", *names], check=False).stdout
    field = re.compile(r"^(Package|Version|Depends): (.*)$", re.MULTILINE)
    stanzas = [dict(field.findall(stanza)) for stanza in shown.split("\n\n")]
    return {stanza["Package"]: stanza for stanza in stanzas if "Package" in stanza}


def find_versions(names: Sequence[str]) -> dict[str, str] | None:
    """Give the candidate version of each package, or None when apt does not know them all."""
    found = show(names)
    if not all(name in found for name in names):
        return None
    return {name: found[name]["Version"] for name in names}


def list_sources(origin: str, codename: str) -> list[str]:
    """Give the host's own sources of a distribution's release, as lines of a sources.list.

    Only those are given whose lists are here, so it may be empty before an `update`.
    """
    columns = "$(ORIGIN)\t$(CODENAME)\t$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)"
    listed = run(["apt-get", "indextargets", "--format", columns, "Created-By: Packages"]).stdout
    parts: dict[tuple[str, str], dict[str, None]] = {}
    for line in listed.splitlines():
        their_origin, their_codename, uri, release, component = line.split("\t")
        same_release = their_codename == codename or their_codename.startswith(f"{codename}-")
        if their_origin == origin and same_release:
            parts.setdefault((uri, release), {})[component] = None
    return [f"deb {uri} {release} {' '.join(those)}" for (uri, release), those in parts.items()]


def list_settings() -> list[str]:
    """Give the host's settings of proxies and of checks, as lines of an apt.conf."""
    lines = run(["apt-config", "dump", "Acquire"]).stdout.splitlines()
    return [line for line in lines if line.startswith(SETTINGS) and not line.endswith('"";')]


def fetch(folder: Path, versions: Mapping[str, str], say: Say) -> list[Path]:
    """Give the packages' archives, fetching those that the folder lacks in one go.

    Raises `PackagesGoneError` when apt cannot fetch them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [
        f"{name}={version}"
        for name, version in versions.items()
        if _find_archive(folder, name, version) is None
    ]
    if missing:
        say("fetching " + " ".join(missing))
        try:
            _apt_get("download", *missing, cwd=folder)
        except CommandError as error:
            raise PackagesGoneError(str(error)) from error
    archives = []
    for name, version in versions.items():
        archive = _find_archive(folder, name, version)
        if archive is None:
            raise AptError(f"apt fetched no {name} {version} into {folder}")
        os.utime(archive)
        archives.append(archive)
    return archives


def _find_archive(folder: Path, name: str, version: str) -> Path | None:
    return next(folder.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"), None)


def _apt_get(*arguments: str, cwd: Path | None = None) -> None:
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Sandbox::User=root"]
    noninteractive = {"DEBIAN_FRONTEND": "noninteractive"}
    run([*apt, *arguments], cwd=cwd, timeout_s=TIMEOUT_S, env=noninteractive)
