# SPDX-License-Identifier: Apache-2.0
"""What the demo tells: a server's whole life, each step by a stock client or inside the guest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cloud import Api, LiveCloud
from tests.lab.commands import CommandError, run
from tests.lab.guest_agent import GuestAgent
from tests.lab.telling import say, step
from tests.lab.waiting import wait_for

SERVER = "first"
BOOT_TIMEOUT_S = 600.0
NOISE = ("", "Progress: ")
CREATE = Path(__file__).with_name("demo_create.py")

FILES = "cat /etc/motd && ls -ln /etc/motd*"
METADATA = (
    "mount -o ro $(findfs LABEL=config-2) /mnt && "
    "grep -o '\"meta\": {[^}]*}' /mnt/openstack/latest/meta_data.json; umount /mnt"
)
LIST = "server list -c Name -c Status -c Networks"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class Image:
    """What the demo's server is made of."""

    name: str
    title: str
    flavor: str
    build: Callable[[], Path]


@dataclass(slots=True)
class Story:
    """One server, told step by step."""

    cloud: LiveCloud
    image: Image
    server_id: str = ""
    boot_id: str = ""

    def tell(self) -> None:
        """From create to delete; raises where something does not come true."""
        self.create()
        self.look_inside()
        self.reboot()
        self.suspend()
        self.power_off_inside()
        self.show("server delete --wait first")
        self.show("server list", otherwise="(no server)")

    def create(self) -> None:
        """With a file, metadata and a password, through openstacksdk."""
        command = f"python tests/lab/{CREATE.name} {self.image.name} {self.image.flavor}"
        with step(f"$ {command}"):
            argv = [sys.executable, str(CREATE), self.image.name, self.image.flavor]
            told = run(argv, env=self.cloud.environment(), timeout_s=300).stdout
        say(told)
        (server,) = self.api().get("/servers")["servers"]
        self.server_id = server["id"]
        self.boot("boots")

    def look_inside(self) -> None:
        """The proof: the file with its backup, the metadata."""
        for title, command in ((FILES, FILES), ("the metadata on its config drive", METADATA)):
            with step(f"Inside the guest: {title}"):
                output = self.guest().shell(command)
            say(output)
        if "Hello from outside." not in self.guest().shell(FILES):
            raise RuntimeError("the file is not in the guest")

    def reboot(self) -> None:
        """Softly and hard: a new boot each time, and nothing put in again."""
        for kind in ("soft", "hard"):
            self.show(f"server reboot --{kind} --wait {SERVER}")
            self.boot("has booted anew")
        with step("Inside the guest: ls -ln /etc/motd*   (nothing was put in again)"):
            output = self.guest().shell("ls -ln /etc/motd*")
        say(output)
        if len(output.splitlines()) != 2:
            raise RuntimeError("something was put in again")

    def suspend(self) -> None:
        """Memory goes to the host's disk and comes back: the same boot goes on."""
        self.show(f"server suspend {SERVER}")
        self.wait_for("SUSPENDED")
        self.show(LIST)
        self.show(f"server resume {SERVER}")
        self.wait_for("ACTIVE")
        with step("The guest goes on where it was"):
            boot_id = wait_for(self.ask_boot_id, timeout_s=60, what="the guest's agent")
        if boot_id != self.boot_id:
            raise RuntimeError("the guest has booted instead")

    def power_off_inside(self) -> None:
        """Nobody asks the cloud, and it knows."""
        with step("Inside the guest: poweroff"):
            self.guest().start("/sbin/poweroff")
        self.wait_for("SHUTOFF")
        self.show(LIST)
        self.show(f"server start {SERVER}")
        self.wait_for("ACTIVE")
        self.show(LIST)

    def boot(self, does: str) -> None:
        """Wait until the guest answers from another boot than before."""

        def look() -> str | None:
            boot_id = self.ask_boot_id()
            return boot_id if boot_id != self.boot_id else None

        with step(f"The guest {does}"):
            self.boot_id = wait_for(look, timeout_s=BOOT_TIMEOUT_S, what="the guest to boot")
            wait_for(self.is_done, timeout_s=BOOT_TIMEOUT_S, what="the files to be put in")

    def is_done(self) -> bool:
        """Whether the guest was given all that it is to be given."""
        return self.guest().run("/bin/ls", "/var/lib/cloud/instance/cumulet/done")[0] == 0

    def ask_boot_id(self) -> str | None:
        """Which boot the guest is at; None while no agent answers."""
        try:
            return self.guest().shell(BOOT_ID)
        except CommandError:
            return None

    def wait_for(self, status: str) -> None:
        """Wait until the API shows a status."""
        with step(f"The cloud shows {status}"):
            self.api().wait_for_status(self.server_id, status)

    def show(self, command: str, *, otherwise: str = "") -> None:
        """Run a command of the `openstack` client, and show it with what it prints."""
        with step(f"$ openstack {command}"):
            output = self.cloud.openstack(*command.split())
        lines = [x for x in output.splitlines() if x.strip() not in NOISE and NOISE[1] not in x]
        say("\n".join(lines) or otherwise)

    def api(self) -> Api:
        """A client of our own, to wait with."""
        return Api(self.cloud).log_in()

    def guest(self) -> GuestAgent:
        """Where programs run inside the guest."""
        return GuestAgent(self.cloud, self.server_id)
