# SPDX-License-Identifier: Apache-2.0
"""`cumulet image import`: a file of the host becomes a public image, with a progress bar.

It uses the same use cases as the Image API, so the same checks apply, and `serve` may run
meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from agent import belonging
from agent.app import build_identity, build_imaging
from agent.config import Config
from agent.engine.clock import SystemClock
from agent.errors import BadRequest
from agent.imagecheck import CHUNK_BYTES, detect_format
from agent.imaging import CreateImage
from agent.model.layout import Layout
from agent.store import Store

MAX_NAME = 255


def import_file(
    config: Config, name: str, file: Path, properties: Mapping[str, str], disk_format: str | None
) -> str:
    """Register a file as a public image and give its id. Blocks; leaves nothing when it fails."""
    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise BadRequest(f"NAME: must be 1 to {MAX_NAME} printable characters, not {name!r}.")
    store = Store.open(Layout(config.state_dir).database)
    try:
        belonging.claim(config, store)
        clock = SystemClock()
        imaging = build_imaging(config, store, clock)
        admin = build_identity(config, store, clock).assume("admin")
        request = CreateImage(
            name=name,
            disk_format=disk_format or detect_format(file),
            container_format="bare",
            visibility="public",
            properties=properties,
        )
        image = imaging.create(admin, request)
        done = False
        try:
            imaging.upload(admin, image.id, _with_progress(name, file))
            done = True
        finally:
            if not done:
                imaging.delete(admin, image.id)
        return image.id
    finally:
        store.close()


def parse_properties(pairs: Sequence[str]) -> dict[str, str]:
    """Read K=V pairs; `BadRequest` names one that is none."""
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise BadRequest(f"--property: must be K=V, not {pair!r}.")
        parsed[key] = value
    return parsed


def _with_progress(name: str, file: Path) -> Iterator[bytes]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress, file.open("rb") as source:
        task = progress.add_task(name, total=file.stat().st_size)
        while chunk := source.read(CHUNK_BYTES):
            yield chunk
            progress.advance(task, len(chunk))
