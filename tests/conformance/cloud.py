# SPDX-License-Identifier: Apache-2.0
"""The cloud that is judged, and beside it a web server with an image to import."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.lab.cloud import LiveCloud
from tests.lab.webserver import WebServer, reply, web_server

PATH = "/image.qcow2"
HIGHEST = "2.96"

ROOMY = {
    "max_microversion": HIGHEST,
    # A run makes hundreds of servers, each for seconds: an address must not rest in between, and a
    # class of tests keeps what it makes to its end.
    "address_rest_s": 0,
    "quota": {"instances": 30, "cores": 60},
    "capacity": {"cpu_ratio": 100.0, "ram_ratio": 10.0},
}
"""What differs from the configuration that init writes."""


@contextmanager
def conforming_cloud(
    folder: Path, libvirt_uri: str, **settings: object
) -> Iterator[LiveCloud]:
    """Serve a cloud on loopback; it goes with the context. `settings` are of its configuration."""
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    cloud = LiveCloud(folder / "state", libvirt_uri)
    try:
        cloud.init()
        config = yaml.safe_load(cloud.config.read_text()) | ROOMY | settings
        cloud.config.write_text(yaml.safe_dump(config))
        cloud.start()
        yield cloud
    finally:
        cloud.close()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def image_server(image: Path) -> Iterator[WebServer]:
    """Serve an image on loopback at `PATH`."""
    with web_server() as server:
        server.answers[PATH] = reply(200, image.read_bytes())
        yield server
