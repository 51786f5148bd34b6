# SPDX-License-Identifier: Apache-2.0
"""`cumulet image import`: a file or a URL becomes a public image, with a progress bar a stage.

It uses the same use cases as the Image API, so the same checks apply, and `serve` may run
meanwhile. Disks of other formats become qcow2 on the way.

# Note [Private addresses]
The command is root's, who reaches every address anyway, so no rule could keep anything from its
user. The rule stays all the same: a public server may redirect to a private one, whose answer would
be published as an image. `--allow-private` lifts it for the host and port that the user has typed.

# Note [Nothing is left]
What comes is kept under temporary names in the folder of images. They go with the command, however
it is ended; those of a command that was killed, `serve` sweeps at its start.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TransferSpeedColumn,
)

from agent import belonging
from agent.config import Config
from agent.conversion import CONVERTIBLE, convert_to_qcow2
from agent.disks import check_room
from agent.engine.clock import SystemClock
from agent.errors import BadRequest
from agent.identitywiring import build_identity
from agent.imagecheck import CHUNK_BYTES, detect_format
from agent.imagewiring import build_imaging
from agent.imaging import CreateImage
from agent.model.imagenames import check_property_name
from agent.model.layout import Layout
from agent.model.webaddress import Allowed, parse_url
from agent.storage import GIB
from agent.store import Store
from agent.webdownload import download
from agent.wholefile import create_private, refusals, scratch_file

MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be imported, as it was typed."""

    name: str
    source: str  # a path or a URL
    properties: Mapping[str, str]
    disk_format: str | None = None  # of the source; None: what is found in it
    allow_private: bool = False


def import_image(config: Config, wish: Wish) -> str:
    """Register a file, or what a URL gives, as a public image and give its id.

    Blocks; leaves nothing when it fails or is interrupted. An `AgentError` says what is wrong.
    """
    name = wish.name
    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise BadRequest(f"NAME: must be 1 to {MAX_NAME} printable characters, not {name!r}.")
    # What oslo finds is told in our own words; no handler at all would print its own too.
    logging.getLogger("oslo_utils").addHandler(logging.NullHandler())
    store = Store.open(Layout(config.state_dir).database)
    try:
        belonging.claim(config, store)
        with _ends_in_order(), _ready(config, wish) as (file, disk_format, title):
            return _register(config, store, wish, file, disk_format, title)
    finally:
        store.close()


def parse_properties(pairs: Sequence[str]) -> dict[str, str]:
    """Read K=V pairs; `BadRequest` names one that is none, `Forbidden` one that is no property."""
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise BadRequest(f"--property: must be K=V, not {pair!r}.")
        check_property_name(key)
        parsed[key] = value
    return parsed


@contextmanager
def _ready(config: Config, wish: Wish) -> Iterator[tuple[Path, str, str]]:
    """Give a file that can be registered, its format, and what its progress bar is called."""
    folder = Layout(config.state_dir).images
    with scratch_file(folder, "import") as fetched, scratch_file(folder, "convert") as converted:
        is_url = "://" in wish.source
        file = fetched if is_url else Path(wish.source).absolute()
        if is_url:
            _fetch(config, wish, fetched)
        else:
            _check_file(file, config.limits.image_gb * GIB)
        disk_format = wish.disk_format or detect_format(file)
        if disk_format not in CONVERTIBLE:
            yield file, disk_format, f"{wish.name}: storing" if is_url else wish.name
            return
        if not is_url:
            # Nobody may change under the conversion what was checked before it.
            _copy(config, wish, file, fetched)
        _convert(config, wish, fetched, disk_format, converted)
        fetched.unlink()
        yield converted, "qcow2", f"{wish.name}: storing"


def _register(
    config: Config, store: Store, wish: Wish, file: Path, disk_format: str, title: str
) -> str:
    clock = SystemClock()
    imaging = build_imaging(config, store, clock)
    admin = build_identity(config, store, clock).assume("admin")
    request = CreateImage(
        name=wish.name,
        disk_format=disk_format,
        container_format="bare",
        visibility="public",
        properties=wish.properties,
    )
    image = imaging.create(admin, request)
    size = file.stat().st_size
    done = False
    try:
        imaging.upload(admin, image.id, _with_bar(title, _read(file, size), size))
        done = True
    finally:
        if not done:
            imaging.delete(admin, image.id)
    return image.id


def _fetch(config: Config, wish: Wish, target: Path) -> None:
    """Download the URL into a file."""
    place = parse_url(wish.source)
    allowed = Allowed.parse(config.import_allow)
    if wish.allow_private:
        allowed = allowed.with_host(place)
    max_bytes = config.limits.image_gb * GIB
    with download(place, allowed=allowed, max_bytes=max_bytes) as body:
        check_room(target.parent, (body.size or 0) + _kept_free(config))
        _write(_with_bar(f"{wish.name}: downloading", body.chunks, body.size), target)


def _copy(config: Config, wish: Wish, source: Path, target: Path) -> None:
    size = source.stat().st_size
    check_room(target.parent, size + _kept_free(config))
    _write(_with_bar(f"{wish.name}: reading", _read(source, size), size), target)


def _convert(config: Config, wish: Wish, source: Path, disk_format: str, target: Path) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{wish.name}: converting {disk_format}", total=1.0)
        convert_to_qcow2(
            source,
            disk_format,
            target,
            max_bytes=config.limits.image_gb * GIB,
            keep_free_bytes=_kept_free(config),
            on_progress=lambda share: progress.update(task, completed=share),
        )
        progress.update(task, completed=1.0)


def _kept_free(config: Config) -> int:
    return int(config.capacity.reserved_disk_gb * GIB)


def _check_file(file: Path, max_bytes: int) -> None:
    """Refuse what is no file, or too large a one, before anything is read."""
    if not file.is_file():
        raise BadRequest(
            f"{file} is no regular file: a device or a pipe may never end. Copy what is to be "
            "imported into a file first."
        )
    size = file.stat().st_size
    if size > max_bytes:
        raise BadRequest(
            f"{file} has {size} bytes, and an image may have {max_bytes} here. Raise "
            "limits.image_gb in the configuration, or make it smaller."
        )


def _read(file: Path, size: int) -> Iterator[bytes]:
    """Read a file up to the size that was checked; `BadRequest` when there is more now."""
    left = size
    with file.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise BadRequest(f"{file} grew while it was read. Import it when it is whole.")
            yield chunk


def _write(chunks: Iterator[bytes], target: Path) -> None:
    with refusals("The image could not be stored"):
        descriptor = create_private(target)
    with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor has no path)
        for chunk in chunks:
            with refusals("The image could not be stored"):
                file.write(chunk)
        with refusals("The image could not be stored"):
            file.flush()


def _with_bar(title: str, chunks: Iterator[bytes], size: int | None) -> Iterator[bytes]:
    """Pass chunks on and show how many have come; without a size the bar only moves."""
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=size)
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """Let SIGTERM and the terminal's end unwind as Ctrl-C does, so that nothing is left."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)
