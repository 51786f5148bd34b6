# SPDX-License-Identifier: Apache-2.0
"""The tiny guest: a real kernel on a real disk, ready seconds after power-on.

Most tests need a guest that boots, reads its config drive, gets an address, answers the guest
agent and obeys the power button; a distribution's image does that in a minute, this one in
seconds. It is put together from Debian packages (fetched, unpacked, never installed) and the
files in `tiny/`, and cached by the hash of all of them.

This module fetches and caches; `tiny_build` assembles. `python -m tests.lab.tiny_guest` builds.
"""

from __future__ import annotations

import argparse
import fcntl
import functools
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.lab import CACHE, tiny_build
from tests.lab.commands import CommandError, run

IMAGE_NAME = "tiny.qcow2"
APT_TIMEOUT_S = 600.0
UNUSED_AFTER_S = 14 * 24 * 3600.0

KERNEL_CHOOSER = "linux-image-cloud-amd64"
PACKAGES = (
    "busybox-static",
    "grub-common",
    "grub-pc-bin",
    "jq",
    "qemu-guest-agent",
    "util-linux",
    # Libraries of the above.
    "libblkid1",
    "libc6",
    "libdevmapper1.02.1",
    "libglib2.0-0",
    "libjq1",
    "liblzma5",
    "libnuma1",
    "libonig5",
    "libpcre2-8-0",
    "libselinux1",
    "libudev1",
    "liburing2",
)

Say = Callable[[str], None]


class TinyGuestError(RuntimeError):
    """The tiny guest could not be built; the message says what apt or the builder said."""


class PackagesGoneError(TinyGuestError):
    """apt could not fetch what its lists name; they may be old."""


@functools.cache
def tiny_image() -> Path:
    """Return the tiny guest's disk image, building it when the cache has none.

    Its kernel and initial RAM disk lie beside it as `vmlinuz` and `initrd`.
    """
    return build(lambda _: None)


def build(say: Say, cache: Path = CACHE) -> Path:
    """Return the path of the image in `cache`, building it when it is not there."""
    cache.mkdir(parents=True, exist_ok=True)
    versions = _find_versions()
    if versions is not None:
        try:
            return _build_once(versions, say, cache)
        except PackagesGoneError as error:
            say(str(error))
    # A new machine has no package lists, an old one has lists of packages long replaced.
    say("asking apt for new package lists")
    _apt("update")
    versions = _find_versions()
    if versions is None:
        raise TinyGuestError("apt knows no candidate for " + ", ".join((KERNEL_CHOOSER, *PACKAGES)))
    return _build_once(versions, say, cache)


def _build_once(versions: Mapping[str, str], say: Say, cache: Path) -> Path:
    entry = cache / _key(versions)
    with _locked(cache):
        if not (entry / IMAGE_NAME).exists():
            _build_entry(entry, versions, say)
        os.utime(entry)
        _prune(cache, keep=entry)
    return entry / IMAGE_NAME


def _build_entry(entry: Path, versions: Mapping[str, str], say: Say) -> None:
    archives = _fetch(entry.parent / "packages", versions, say)
    with tempfile.TemporaryDirectory(prefix="building-", dir=entry.parent) as scratch:
        say("unpacking the packages")
        unpacked = Path(scratch) / "unpacked"
        for archive in archives:
            run(["dpkg", "-x", archive, unpacked])
        draft = Path(scratch) / "entry"
        draft.mkdir()
        tiny_build.assemble(unpacked, draft, say)
        shutil.rmtree(entry, ignore_errors=True)
        draft.replace(entry)


def _find_versions() -> dict[str, str] | None:
    """Return the candidate version of each package, or None when apt does not know them all."""
    names = (KERNEL_CHOOSER, *PACKAGES)
    shown = run(["apt-cache", "show", "--no-all-versions", *names], check=False).stdout
    field = re.compile(r"^(Package|Version|Depends): (.*)$", re.MULTILINE)
    stanzas = [dict(field.findall(stanza)) for stanza in shown.split("\n\n")]
    found = {stanza["Package"]: stanza for stanza in stanzas if "Package" in stanza}
    if not all(name in found for name in names):
        return None
    kernel = re.search(r"(linux-image-\S+) \(= (\S+)\)", found[KERNEL_CHOOSER]["Depends"])
    if kernel is None:
        return None
    return {kernel[1]: kernel[2], **{name: found[name]["Version"] for name in PACKAGES}}


def _fetch(folder: Path, versions: Mapping[str, str], say: Say) -> list[Path]:
    """Return the packages' archives, fetching those that the folder lacks in one go."""
    folder.mkdir(exist_ok=True)
    missing = [
        f"{name}={version}"
        for name, version in versions.items()
        if _find_archive(folder, name, version) is None
    ]
    if missing:
        say("fetching " + " ".join(missing))
        try:
            _apt("download", *missing, cwd=folder)
        except CommandError as error:
            raise PackagesGoneError(str(error)) from error
    archives = []
    for name, version in versions.items():
        archive = _find_archive(folder, name, version)
        if archive is None:
            raise TinyGuestError(f"apt fetched no {name} {version} into {folder}")
        os.utime(archive)
        archives.append(archive)
    return archives


def _find_archive(folder: Path, name: str, version: str) -> Path | None:
    return next(folder.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"), None)


def _apt(*arguments: str, cwd: Path | None = None) -> None:
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Sandbox::User=root"]
    noninteractive = {"DEBIAN_FRONTEND": "noninteractive"}
    run([*apt, *arguments], cwd=cwd, timeout_s=APT_TIMEOUT_S, env=noninteractive)


def _key(versions: Mapping[str, str]) -> str:
    """Return the hash of everything that the image depends on."""
    digest = hashlib.sha256()
    for name, version in sorted(versions.items()):
        digest.update(f"{name}={version}\n".encode())
    here = Path(__file__)
    files = [here, Path(tiny_build.__file__), *sorted(tiny_build.FILES.rglob("*"))]
    for path in files:
        if path.is_file():
            mode = path.stat().st_mode & 0o111
            digest.update(f"{path.relative_to(here.parent)} {mode:o}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prune(cache: Path, keep: Path) -> None:
    """Remove images and packages that nobody has asked for in a long time."""
    oldest = time.time() - UNUSED_AFTER_S
    for path in (*cache.iterdir(), *(cache / "packages").glob("*.deb")):
        if (
            path.name in ("lock", "packages", "capabilities")
            or path == keep
            or path.stat().st_mtime > oldest
        ):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Build the tiny guest and print its path.")
    parser.add_argument("--out", type=Path, help="copy the image to this file as well")
    arguments = parser.parse_args()

    started = time.monotonic()
    image = build(lambda line: print(f"{time.monotonic() - started:5.1f} s  {line}", flush=True))
    if arguments.out:
        shutil.copyfile(image, arguments.out)
        image = arguments.out
    print(image)


if __name__ == "__main__":
    _main()
