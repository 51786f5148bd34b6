# SPDX-License-Identifier: Apache-2.0
"""What the measurements stand on: a cloud on a private host, libvirt's events, bare domains."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import libvirt

from agent import configdrive
from agent.model.layout import Layout
from tests.lab.cloud import LiveCloud
from tests.lab.commands import run
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for

POLL_S = 0.02  # a client that asks more often takes the CPU that the guest starts with


@contextmanager
def a_cloud() -> Iterator[LiveCloud]:
    """A state folder on a private host; it is not set up yet."""
    with PrivateHost.start() as host:
        cloud = LiveCloud(Path(tempfile.mkdtemp(prefix="cumulet-bench-", dir="/var/tmp")), host.uri)
        try:
            yield cloud
        finally:
            cloud.close()


@dataclass(slots=True)
class Events:
    """When libvirt said what of which domain: (uuid, event) to a monotonic time."""

    seen: dict[tuple[str, int], float] = field(default_factory=dict)
    told: threading.Condition = field(default_factory=threading.Condition)

    def listen(self, uri: str) -> libvirt.virConnect:
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=self._loop, daemon=True).start()
        connection = libvirt.open(uri)
        connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._note, None
        )
        return connection

    def forget(self, server_id: str) -> None:
        for key in [key for key in self.seen if key[0] == server_id]:
            del self.seen[key]

    def wait(self, server_id: str, event: int) -> float:
        """Sleep until it is told: who looks again and again takes the CPU that is measured."""
        key = (server_id, event)
        with self.told:
            if not self.told.wait_for(lambda: key in self.seen, timeout=60):
                raise TimeoutError(f"waited in vain for event {key}")
            return self.seen[key]

    def _note(self, connection: object, domain: libvirt.virDomain, event: int, *_: object) -> None:
        with self.told:
            self.seen[domain.UUIDString(), event] = time.monotonic()
            self.told.notify_all()

    def _loop(self) -> None:
        while True:
            libvirt.virEventRunDefaultImpl()


def make_bare(
    cloud: LiveCloud, image_id: str, connection: libvirt.virConnect, xml: str
) -> libvirt.virDomain:
    """Make what a server is made of, from a server's XML and with bare calls, and start it."""
    layout, server_id = Layout(cloud.state), str(uuid.uuid4())
    old_id = xml.split("<uuid>")[1].split("</uuid>")[0]
    xml = xml.replace(old_id, server_id).replace(
        f"cumulet-{old_id.replace('-', '')[:12]}", f"bare-{server_id}"
    )
    spec = configdrive.ConfigDriveSpec(
        server_id=server_id,
        name="bare",
        hostname="bare",
        project_id=uuid.uuid4().hex,
        random_seed=bytes(512),
    )
    layout.server(server_id).mkdir(mode=0o711)
    run(
        [
            *("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2"),
            *("-b", layout.base(image_id), layout.disk(server_id), "1G"),
        ]
    )
    configdrive.write_iso(configdrive.render_tree(spec), layout.config_drive(server_id))
    domain = connection.defineXML(xml)
    domain.createWithFlags(0)
    return domain


def remove_bare(cloud: LiveCloud, domain: libvirt.virDomain) -> None:
    """Take a bare domain away with its files."""
    folder = Layout(cloud.state).server(domain.UUIDString())
    if domain.isActive():
        domain.destroy()
    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
    shutil.rmtree(folder)


def when(condition: Callable[[], bool], *, poll_s: float = POLL_S) -> float:
    """Wait for something, and say when it was so."""
    wait_for(condition, timeout_s=120, poll_s=poll_s, what="what is measured")
    return time.monotonic()


def spread(values: list[float]) -> str:
    """The least and the most, in ms."""
    return f"[{min(values) * 1000:.1f} .. {max(values) * 1000:.1f}]"
