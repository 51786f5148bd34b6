# SPDX-License-Identifier: Apache-2.0
"""The root of a bare machine: a minimal Debian with systemd, as its installer leaves it.

It is made from the machine's own package sources and unpacked anew for each use. What is to be
installed in it is fetched beforehand, with the machine's network, and kept for the next time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.lab import CACHE
from tests.lab.commands import run

CLEAN_ROOTS = CACHE / "clean-roots"
ARCHIVES = CLEAN_ROOTS / "archives"
"""The Debian packages that were fetched, in the layout of /var/cache/apt/archives."""

INCLUDED = ("ca-certificates", "dbus", "systemd-sysv")
HOSTNAME = "bare"
FETCH_TIMEOUT_S = 600.0
UNPACK_TIMEOUT_S = 300.0
UNUSED_AFTER_S = 14 * 24 * 3600.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def clean_root(packages: Sequence[str]) -> Iterator[Path]:
    """Unpack a root in which these Debian packages can be installed without a network."""
    root = Path(tempfile.mkdtemp(prefix="cumulet-root-", dir="/var/tmp"))
    try:
        _unpack(_archive(packages), root)
        (root / "etc/hostname").write_text(f"{HOSTNAME}\n")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {HOSTNAME}\n")
        (root / "etc/resolv.conf").write_text("")  # nobody would answer, and all would wait
        (root / "etc/machine-id").write_text("")
        (root / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def wheelhouse(pins: Path) -> Path:
    """Fetch what these pins name, as the package index has it, and give its folder."""
    key = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:24]
    folder = CLEAN_ROOTS / f"wheels-{key}"
    if not folder.exists():
        CLEAN_ROOTS.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="fetching-", dir=CLEAN_ROOTS))
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "download"]
        options = ("--no-deps", "--no-build-isolation", "--requirement", pins, "--dest", draft)
        run([*pip, *options], timeout_s=FETCH_TIMEOUT_S)
        draft.chmod(0o755)
        draft.rename(folder)
    os.utime(folder)
    return folder


def _archive(packages: Sequence[str]) -> Path:
    """The root as mmdebstrap makes it, knowing the packages, which are fetched; made if need be."""
    lines = Path("/etc/os-release").read_text().splitlines()
    suite = dict(line.split("=", 1) for line in lines if "=" in line)["VERSION_CODENAME"].strip('"')
    key = hashlib.sha256(" ".join((*INCLUDED, *packages)).encode()).hexdigest()[:12]
    archive = CLEAN_ROOTS / f"{suite}-{key}.tar"
    (ARCHIVES / "partial").mkdir(parents=True, exist_ok=True)
    with (CLEAN_ROOTS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if archive.exists() and archive.stat().st_mtime > time.time() - UNUSED_AFTER_S:
            return archive
        _prune()
        with tempfile.TemporaryDirectory(prefix="making-", dir=CLEAN_ROOTS) as scratch:
            bare, root, draft = (Path(scratch) / name for name in ("bare.tar", "root", "draft.tar"))
            include = f"--include={','.join(INCLUDED)}"
            command: list[str | Path] = [
                *("unshare", "--mount", "--"),  # what it mounts is nobody else's to see
                *("mmdebstrap", "--quiet", "--variant=minbase", include, suite, bare),
            ]
            run([*command, *_sources()], timeout_s=FETCH_TIMEOUT_S)
            root.mkdir()
            _unpack(bare, root)
            _fetch(root, packages)
            run(["tar", "--create", "--file", draft, "--directory", root, "."], timeout_s=120)
            draft.replace(archive)
    return archive


def _unpack(archive: Path, root: Path) -> None:
    run(["tar", "--extract", "--file", archive, "--directory", root], timeout_s=UNPACK_TIMEOUT_S)
    root.chmod(0o755)


def _sources() -> list[Path]:
    """The distribution's own package sources; what else the machine uses is not for all."""
    folder = Path("/etc/apt/sources.list.d")
    files = [Path("/etc/apt/sources.list"), *folder.glob("debian.*"), *folder.glob("ubuntu.*")]
    return [path for path in files if path.exists() and path.read_text().strip()]


def _fetch(root: Path, packages: Sequence[str]) -> None:
    """Let the root know what packages there are, and fetch those that would be installed."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if bundle.exists():
        shutil.copy(bundle, root / bundle.relative_to("/"))
    quiet = ("-q", "-q", "--yes", "--no-install-recommends", "--download-only")
    for command in (
        ("apt-get", "-q", "-q", "update"),
        ("apt-get", *quiet, "install", *packages),
        ("apt-get", "-q", "-q", "autoclean"),
    ):
        _with_network(root, command)


def _with_network(root: Path, command: Sequence[str]) -> None:
    mounts = f'mount -t proc proc "$1/proc" && mount --bind {ARCHIVES} "$1/var/cache/apt/archives"'
    inside = f'{mounts} && root=$1 && shift && exec chroot "$root" env -i PATH={PATH} "$@"'
    run(
        [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--"),
            *("sh", "-c", inside, "sh", str(root), *command),
        ],
        timeout_s=FETCH_TIMEOUT_S,
    )


def _prune() -> None:
    """Remove what nobody has asked for in a long time, and what was left half made."""
    for path in (*CLEAN_ROOTS.glob("wheels-*"), *CLEAN_ROOTS.glob("*.tar")):
        if path.stat().st_mtime < time.time() - UNUSED_AFTER_S:
            _remove(path)
    for draft in CLEAN_ROOTS.glob("*ing-*"):
        _remove(draft)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
