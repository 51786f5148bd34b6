# SPDX-License-Identifier: Apache-2.0
"""The cloud that is judged, and beside it a web server with an image to import."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.fast.smallcloud import NODE
from tests.lab.cloud import LiveCloud
from tests.lab.webserver import WebServer, reply, web_server

PATH = "/image.qcow2"


@contextmanager
def conforming_cloud(folder: Path, **settings: object) -> Iterator[LiveCloud]:
    """Serve a cloud on loopback over libvirt's test driver; it goes with the context.

    `settings` are keys of its configuration. Identity and images need no guest; tests of servers
    will, and then a private host's URI goes here.
    """
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    node = folder / "node.xml"
    node.write_text(NODE)
    cloud = LiveCloud(folder / "state", f"test://{node}")
    try:
        cloud.init()
        config = yaml.safe_load(cloud.config.read_text()) | settings
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
