# SPDX-License-Identifier: Apache-2.0
"""A whole cloud in one thread: real store, libvirt's test driver, an engine driven by hand.

A crash is a `BaseException` thrown from the runner's hook: no code may catch it, and afterwards the
parts are dropped and built anew over the same database and the same libvirt connection, as a
restarted process would find them (the test driver's state lives in its connection).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import libvirt

from agent.app import Parts, build_parts
from agent.asking import Asking
from agent.capturing import Capturing
from agent.config import AdminPassConfig, Config, read_config
from agent.creation import CreateServer
from agent.errors import NotFound
from agent.hypervisor.host import Host
from agent.imaging import CreateImage
from agent.model.capture import Wish
from agent.model.image import ImageStatus
from agent.model.imagequery import EVERY_IMAGE, Condition, ImageQuery
from agent.model.layout import Layout
from agent.model.network import NOBODY, NicRequest
from agent.model.server import Server
from agent.rebuilding import RebuildServer
from agent.setup import initialise
from agent.store import ServerFilter, Store
from tests.fast.statements import share_compiled
from tests.lab.commands import run

NODE = """\
<node>
  <cpu><nodes>1</nodes><sockets>1</sockets><cores>16</cores><threads>1</threads></cpu>
  <memory>33554432</memory>
</node>
"""

STRONG = "a strong enough password"

REST_BY = {
    "stopped": "stop",
    "paused": "pause",
    "suspended": "suspend",
    "shelved": "shelve",
    "shelved_offloaded": "shelve",
    "rescued": "rescue",
}
"""The action that brings a server that is active to rest elsewhere."""

CAPTURES: dict[str, Callable[[Capturing, Asking, str], object]] = {
    "createImage": lambda use, asking, it: use.create_image(asking, it, Wish("snapshot", {})),
    "createBackup": lambda use, asking, it: use.create_backup(
        asking, it, Wish("backup", {}, "daily"), 1
    ),
    "shelve": Capturing.shelve,
    "shelveOffload": Capturing.shelve_offload,
    "unshelve": Capturing.unshelve,
}
"""How images of servers are asked for, and servers put away."""

PLACES = ("database", "domains", "folders", "reservations")


def everywhere(*server_ids: str) -> dict[str, set[str]]:
    """The inventory in which just these servers are known, in every place."""
    return {place: set(server_ids) for place in PLACES}


def off_its_host(server_id: str) -> dict[str, set[str]]:
    """The inventory in which one server is known to the database alone."""
    return {**everywhere(), "database": {server_id}}


def take_inventory(config: Config, store: Store, host: Host) -> dict[str, set[str]]:
    """The ids that each place knows: all must agree (but builds that failed before define)."""
    servers = store.servers.list(ServerFilter(project_id=None))
    by_ip = {nic.ip: server.id for server in servers for nic in server.nics}
    reservations = host.list_reservations(config.network.libvirt_network)
    spares = {port.ip for port in store.networks.list_ports(project_id=NOBODY)}
    return {
        "database": {server.id for server in servers},
        "domains": set(host.list_owned()),
        "folders": {folder.name for folder in Layout(config.state_dir).servers.iterdir()},
        "reservations": {by_ip.get(entry.ip, entry.ip) for entry in reservations} - spares,
    }


def kept_disks(config: Config) -> set[str]:
    """The servers whose disk of before a resize is kept."""
    kept = Layout(config.state_dir).servers.glob("*/disk.resize.qcow2")
    return {path.parent.name for path in kept}


Hook = Callable[[str], None]


class Crash(BaseException):
    """The process dies here."""


@dataclass(slots=True)
class HandClock:
    """A clock that only tests turn."""

    at_s: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at_s)

    def monotonic(self) -> float:
        return self.at_s

    def advance(self, seconds: float) -> None:
        self.at_s += seconds


def build_template(folder: Path) -> Path:
    """Set a state folder up once, with an image in it; tests copy it."""
    node = folder / "node.xml"
    node.write_text(NODE)
    state = folder / "state"
    state.mkdir()
    uri = f"test://{node}"
    clock = HandClock()
    config_path = state / "cumulet.yaml"
    settings = {"state_dir": str(state), "libvirt_uri": uri}
    config = initialise(
        config_path,
        settings,
        connect=lambda config: Host(uri, owner=config.installation),
        now=clock.now(),
    ).config
    parts = build_parts(config, clock=clock, host=Host(uri, owner=config.installation))
    disk = folder / "disk.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"])
    admin = parts.cloud.identity.assume("admin")
    image = parts.cloud.imaging.create(
        admin, CreateImage("tiny", None, "qcow2", "bare", visibility="public")
    )
    parts.cloud.imaging.upload(admin, image.id, iter([disk.read_bytes()]))
    parts.store.close()
    return state


@dataclass(slots=True)
class SmallCloud:
    """The parts, and the verbs with which a test plays user, libvirt and fate."""

    config: Config
    connection: Any  # libvirt.virConnect: outlives the parts
    clock: HandClock = field(default_factory=HandClock)
    wrap: Callable[[Host], Any] = lambda host: host  # puts a failing host in between
    boot_id: str = "first"  # of the host: a test that changes it and reboots has rebooted the host
    parts: Parts = field(init=False)

    @classmethod
    def open(cls, template: Path, folder: Path) -> SmallCloud:
        """Copy the template's state folder and open it."""
        state = folder / "state"
        shutil.copytree(template, state)
        config = replace(read_config(state / "cumulet.yaml"), state_dir=state)
        cloud = cls(config, libvirt.open(config.libvirt_uri))
        cloud.boot()
        return cloud

    def use_pool(self, pool: str) -> None:
        """Say in the configuration which floating addresses there are; parts built later know."""
        network = replace(self.config.network, floating_pool=pool)
        self.config = replace(self.config, network=network)

    def boot(self, hook: Hook = lambda point: None) -> None:
        """Build all parts, as a starting process does, and put what is open into the queue."""
        host = Host(
            self.config.libvirt_uri,
            owner=self.config.installation,
            connect=lambda: self.connection,
        )
        self.parts = build_parts(
            self.config,
            clock=self.clock,
            host=self.wrap(host),
            hook=hook,
            boot_id=self.boot_id,
        )
        share_compiled(self.parts.store.db)
        self.parts.engine.resume()

    def reboot(self, hook: Hook = lambda point: None) -> None:
        """Drop the parts and build them anew: what a crash, or a restart, does."""
        self.halt()
        self.boot(hook)

    def halt(self) -> None:
        """Drop the parts."""
        self.parts.store.close()

    def close(self) -> None:
        self.halt()
        self.connection.close()

    def settle_down(self) -> None:
        """Let the engine do all there is to do, turning the clock where it waits; sweep twice."""
        for _ in range(2):
            self.parts.engine.on_connected()
            self.parts.engine.run_until_idle(self.clock.advance)

    def work(self) -> None:
        """Let the engine do what is due now, without waiting for anything."""
        self.parts.engine.run_until_idle()

    @property
    def asking(self) -> Asking:
        return Asking(self.parts.cloud.identity.assume("lab"), "req-of-a-test")

    def image_id(self, name: str = "tiny") -> str:
        """The id of the image of this name, that is seen by the project of the tests."""
        query = ImageQuery((Condition("name", "eq", name),))
        return self.parts.cloud.imaging.list_images(self.asking.caller, query)[0].id

    def add_image(self, name: str, **properties: str) -> str:
        """Make an image of the same bytes as `tiny`, with properties of its own; its id."""
        imaging, admin = self.parts.cloud.imaging, self.parts.cloud.identity.assume("admin")
        _, stream = imaging.download(admin, self.image_id())
        image = imaging.create(
            admin,
            CreateImage(name, None, "qcow2", "bare", visibility="public", properties=properties),
        )
        with stream:
            imaging.upload(admin, image.id, iter([stream.read()]))
        return image.id

    def create(self, name: str = "one", **metadata: str) -> str:
        """Accept a create request and give the server's id; the engine has not run yet."""
        request = CreateServer(name, self.image_id(), "1", metadata=metadata)
        return self.parts.cloud.creation.create_server(self.asking, request).server.id

    def create_weak(self) -> str:
        """Accept a create request with a password that breaks the rule, which is there from now."""
        self.config = replace(self.config, admin_pass=AdminPassConfig(min_length=12))
        self.reboot()
        request = CreateServer("weak", self.image_id(), "1", admin_pass="weak")
        return self.parts.cloud.creation.create_server(self.asking, request).server.id

    def act(self, server_id: str, action: str) -> None:
        cloud, asking = self.parts.cloud, self.asking
        if action == "changePassword":
            cloud.admin_pass.change(self.asking, server_id, STRONG)
        elif action == "attach_interface":
            cloud.interfaces.attach(self.asking, server_id, NicRequest())
        elif action == "detach_interface":
            port_id = self.server(server_id).nics[0].port_id
            cloud.interfaces.detach(self.asking, server_id, port_id)
        elif action == "rebuild":
            request = RebuildServer(self.add_image("other"))
            cloud.rebuilding.rebuild(asking, server_id, request)
        elif action == "resize":
            cloud.resizing.resize(asking, server_id, "2")
        elif action == "rescue":
            cloud.rescuing.rescue(asking, server_id, None, None)
        elif action in CAPTURES:
            CAPTURES[action](cloud.capturing, asking, server_id)
        else:
            cloud.compute.act(asking, server_id, action)

    def images(self) -> dict[str, ImageStatus]:
        """All images by their names, with their statuses."""
        every = self.parts.store.images.list(EVERY_IMAGE, viewer=None)
        return {image.name or "": image.status for image in every}

    def image_leftovers(self) -> list[str]:
        """What of an image is on the disk without a record, or of a record without its bytes."""
        every = self.parts.store.images.list(EVERY_IMAGE, viewer=None)
        layout = Layout(self.config.state_dir)
        copies = layout.servers.glob("*/*copy-*")
        odd = {path.name for path in layout.images.iterdir()} ^ {image.id for image in every}
        return [*odd, *(path.name for path in copies)]

    def reset_state(self, server_id: str, state: str) -> None:
        admin = Asking(self.parts.cloud.identity.assume("admin"), "req-of-an-admin")
        self.parts.cloud.standing.reset_state(admin, server_id, state)

    def server(self, server_id: str) -> Server:
        return self.parts.cloud.compute.get_server(self.asking, server_id)

    def find(self, server_id: str) -> Server | None:
        try:
            return self.server(server_id)
        except NotFound:
            return None

    def domain(self, server_id: str) -> Any:
        return self.connection.lookupByUUIDString(server_id)

    def made(self, server_id: str, vm_state: str) -> str:
        """Bring a server that was just created to rest in one of the states."""
        self.work()
        action = REST_BY.get(vm_state)
        if action is not None:
            self.act(server_id, action)
            self.work()
        assert self.server(server_id).vm_state == vm_state
        return server_id

    def inventory(self) -> dict[str, set[str]]:
        return take_inventory(self.config, self.parts.store, self.parts.host)

    def open_tasks(self) -> int:
        return len(self.parts.store.tasks.list_open_tasks())
