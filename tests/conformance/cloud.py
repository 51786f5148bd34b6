# SPDX-License-Identifier: Apache-2.0
"""The cloud that is judged, and beside it a web server with an image to import."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.samples import make_samples
from tests.conformance.settings import Guests, Settings, settings_of, write_settings
from tests.conformance.tempest import Tempest
from tests.lab.cloud import Api, LiveCloud
from tests.lab.passage import outwards, serving_inside
from tests.lab.private_host import PrivateHost
from tests.lab.telling import step
from tests.lab.tiny_guest import tiny_image
from tests.lab.webserver import WebServer, reply, web_server

PATH = "/image.qcow2"
HIGHEST = "2.96"

ROOMY: dict[str, object] = {
    "max_microversion": HIGHEST,
    # A run makes hundreds of servers, each for seconds: an address must not rest in between, and a
    # class of tests keeps what it makes to its end.
    "address_rest_s": 0,
    "quota": {"instances": 30, "cores": 60},
    "capacity": {"cpu_ratio": 100.0, "ram_ratio": 10.0},
    "network": {"floating_pool": "192.0.2.1-192.0.2.254"},  # of a network that no host is in
}
"""What differs from the configuration that init writes."""

ROLES = ("manager", "service")
"""Roles that tempest gives to some of its users, besides those that mean something here."""


@dataclass(frozen=True, slots=True)
class JudgedCloud:
    """A cloud that serves, what its servers are made of, and what tempest is told of it."""

    live: LiveCloud
    guest: Path
    settings: Settings


@contextmanager
def cloud_for(tempest: Tempest, folder: Path, lowest: str = "") -> Iterator[JudgedCloud]:
    """Serve a cloud on a host of its own, its files in `folder`, and tell tempest of it.

    `lowest` is the Compute API's version below which tempest asks for nothing.
    """
    tempest.prepare()
    manifest = make_samples(tempest.work / "samples")
    with contextlib.ExitStack() as stack:
        with step("Building a small guest, unless there is one"):
            guest = tiny_image()
        with step("Starting a cloud: a private libvirtd, cumulet init, cumulet serve"):
            host = stack.enter_context(PrivateHost.start())
            web = stack.enter_context(image_server(manifest.with_name("qcow2")))
            stack.enter_context(outwards(host.network, web.port))
            serving = conforming_cloud(folder, host.uri, host.network, import_allow=[web.place])
            cloud = stack.enter_context(serving)
        with step("Importing what servers are made of"):
            guests = Guests(
                image=cloud.import_image("tiny", guest),
                other_image=cloud.import_image("tiny, again", guest),
                flavor="1",
                larger_flavor="2",
            )
        settings = settings_of(cloud, guests, web.url(PATH), manifest, tempest.work, lowest)
        write_settings(tempest.config, settings)
        yield JudgedCloud(cloud, guest, settings)


@contextmanager
def conforming_cloud(
    folder: Path, libvirt_uri: str, inside: Path | None = None, **settings: object
) -> Iterator[LiveCloud]:
    """Serve a cloud on loopback; it goes with the context.

    `inside` is the network namespace to serve in, if not this one; `settings` are of the cloud's
    configuration.
    """
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    cloud = LiveCloud(folder / "state", libvirt_uri)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(cloud.close)
        if inside is not None:
            stack.enter_context(serving_inside(cloud, inside))
        cloud.init()
        cloud.configure(**ROOMY | settings)
        cloud.start()
        _make_roles(cloud)
        yield cloud


@contextmanager
def image_server(image: Path) -> Iterator[WebServer]:
    """Serve an image on loopback at `PATH`."""
    with web_server() as server:
        server.answers[PATH] = reply(200, image.read_bytes())
        yield server


def _make_roles(cloud: LiveCloud) -> None:
    admin = Api(cloud).log_in("cumulet-admin")
    for name in ROLES:
        status, _, body = admin.request("POST", "/identity/v3/roles", {"role": {"name": name}})
        assert status == 201, (status, body)
