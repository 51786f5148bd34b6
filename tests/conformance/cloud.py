# SPDX-License-Identifier: Apache-2.0
"""The cloud that is judged, and beside it a web server with an image to download."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.lab.cloud import LiveCloud, serving
from tests.lab.commands import run

NODE = """\
<node>
  <cpu><nodes>1</nodes><sockets>1</sockets><cores>16</cores><threads>1</threads></cpu>
  <memory>33554432</memory>
</node>
"""
IMAGE = "image.qcow2"


@contextmanager
def conforming_cloud(folder: Path) -> Iterator[LiveCloud]:
    """Serve a cloud on loopback over libvirt's test driver; it goes with the context.

    Identity and images need no guest. Tests of servers will: then a private host's URI goes here.
    """
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    node = folder / "node.xml"
    node.write_text(NODE)
    try:
        with serving(LiveCloud(folder / "state", f"test://{node}")) as cloud:
            yield cloud
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def image_server(folder: Path) -> Iterator[str]:
    """Serve a small image on loopback, and give its address: what `web-download` is asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    run(["qemu-img", "create", "-q", "-f", "qcow2", folder / IMAGE, "1M"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{IMAGE}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    """Does not tell stderr of each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
