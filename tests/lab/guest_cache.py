# SPDX-License-Identifier: Apache-2.0
"""Images of guests, each built once and then shared by all runs on this machine.

CACHE/NAME/lock         held while one looks or builds
CACHE/NAME/packages/    the archives that were fetched for it
CACHE/NAME/KEY/         what was built; KEY is the hash of everything it depends on
CACHE/NAME/building-*/  what is being built; it goes with its builder, however that ends
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import CACHE, apt
from tests.lab.apt import AptError, PackagesGoneError, Say

UNUSED_AFTER_S = 14 * 24 * 3600.0
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Draft:
    """Where one build takes place; all is on the file system of the cache."""

    packages: Path
    """Archives of packages, kept for later builds."""
    scratch: Path
    """For what is needed in between."""
    entry: Path
    """What lies in here at the end is the result."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the image of one kind of guest is made."""

    name: str
    packages: Sequence[str]
    """What apt must know a candidate of; only for the message when it does not."""
    find_versions: Callable[[], Mapping[str, str] | None]
    """The versions that the image depends on, or None when apt's lists do not say."""
    files: Sequence[str]
    """Files and folders beside this one that the image depends on."""
    build: Callable[[Mapping[str, str], Draft, Say], None]

    @property
    def image_name(self) -> str:
        """The image's file in the result."""
        return f"{self.name}.qcow2"


def cached_image(recipe: Recipe, say: Say, cache: Path = CACHE) -> Path:
    """Give the path of the image in the cache, building it when it is not there.

    Blocks while another process builds the same. Raises `AptError` when packages are missing.
    """
    folder = cache / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    versions = recipe.find_versions()
    if versions is not None:
        try:
            return _build_once(recipe, versions, say, folder)
        except PackagesGoneError as error:
            say(str(error))
    # A new machine has no package lists, an old one has lists of packages long replaced.
    say("asking apt for new package lists")
    apt.update()
    versions = recipe.find_versions()
    if versions is None:
        raise AptError("apt does not know all of " + ", ".join(recipe.packages))
    return _build_once(recipe, versions, say, folder)


def build_from_command_line(recipe: Recipe) -> None:
    """Build the image, say how far it is, and print where it is."""
    parser = argparse.ArgumentParser(
        description=f"Build the {recipe.name} guest and print its path."
    )
    parser.add_argument("--out", type=Path, help="copy the image to this file as well")
    arguments = parser.parse_args()

    started = time.monotonic()
    image = cached_image(
        recipe, lambda line: print(f"{time.monotonic() - started:5.1f} s  {line}", flush=True)
    )
    if arguments.out:
        shutil.copyfile(image, arguments.out)
        image = arguments.out
    print(image)


def _build_once(recipe: Recipe, versions: Mapping[str, str], say: Say, folder: Path) -> Path:
    entry = folder / _key(recipe, versions)
    with _locked(folder):
        if not (entry / recipe.image_name).exists():
            _build_entry(recipe, versions, say, entry)
        os.utime(entry)
        _prune(folder, keep=entry)
    return entry / recipe.image_name


def _build_entry(recipe: Recipe, versions: Mapping[str, str], say: Say, entry: Path) -> None:
    folder = entry.parent
    for left_behind in folder.glob("building-*"):  # by a builder that was killed
        shutil.rmtree(left_behind)
    with tempfile.TemporaryDirectory(prefix="building-", dir=folder) as scratch:
        draft = Draft(folder / "packages", Path(scratch), Path(scratch) / "entry")
        draft.packages.mkdir(exist_ok=True)
        draft.entry.mkdir()
        recipe.build(versions, draft, say)
        shutil.rmtree(entry, ignore_errors=True)
        draft.entry.replace(entry)


def _key(recipe: Recipe, versions: Mapping[str, str]) -> str:
    """Give the hash of everything that the image depends on."""
    digest = hashlib.sha256()
    for name, version in sorted(versions.items()):
        digest.update(f"{name}={version}\n".encode())
    for path in sorted(_files_below(HERE / name for name in recipe.files)):
        mode = path.stat().st_mode & 0o111
        digest.update(f"{path.relative_to(HERE)} {mode:o}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]


def _files_below(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from (x for x in (path, *path.rglob("*")) if x.is_file())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prune(folder: Path, keep: Path) -> None:
    """Remove images and packages that nobody has asked for in a long time."""
    oldest = time.time() - UNUSED_AFTER_S
    for path in (*folder.iterdir(), *(folder / "packages").glob("*.deb")):
        if path.name in ("lock", "packages") or path == keep or path.stat().st_mtime > oldest:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
