# SPDX-License-Identifier: Apache-2.0
"""Files, an account's password and a static address in a full guest whose first boot is cut thrice.

QEMU is killed before anything is put in, in the midst of it, and after it while cloud-init still
makes the accounts. Then the guest boots to the end, and all is as after one boot that nothing had
disturbed. The guest and its cloud-init are as the distribution has them.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from oslo_utils import secretutils

from tests.lab.boot_disk import PARTITION_START, SECTOR
from tests.lab.commands import run
from tests.lab.full_guest import full_image
from tests.lab.guest_agent import GuestAgent
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud, running_cloud

pytestmark = pytest.mark.real

BOOT_S = 400.0
PASSWORD, LATER = "given größte:1", "changed größte:2"
AWKWARD = '/root/a "quoted" it\'s $(reboot)'
USER_DATA = """\
#cloud-config
bootcmd:
- echo booted >>/root/from-bootcmd
write_files:
- path: /etc/from-write-files
  content: written
"""

CUTS = (
    r"Cloud-init v\. \S+ running 'init-local'",
    r"cumulet: installed /etc/motd",
    r"cumulet: installed [^\n]*quoted[\s\S]*Cloud-init v\. \S+ running 'modules:config'",
)
"""What the console says at the instants at which QEMU is killed."""

END = r"Cloud-init v\. \S+ finished at .* Up ([0-9.]+) seconds"


@dataclass(frozen=True, slots=True)
class Victim:
    """The server whose guest is cut off."""

    real: RealCloud
    id: str
    originals: dict[str, str]  # of the image, by path

    @property
    def files(self) -> dict[str, str]:
        """What is put in, by path."""
        return {
            "/etc/motd": "injected\n",
            "/etc/passwd": self.originals["/etc/passwd"] + "extra:x:4242:4242::/:/bin/false\n",
            AWKWARD: "größte\n",
        }

    @property
    def guest(self) -> GuestAgent:
        """Where programs run inside it."""
        return self.real.guest(self.id)

    def wait_for_console(self, pattern: str, since: int) -> int:
        """Wait for it to say something new; how much it has said by then."""

        def look() -> int | None:
            said = self.real.api.console(self.id)
            return len(said) if re.search(pattern, said[since:]) else None

        return wait_for(look, timeout_s=BOOT_S, poll_s=0.2, what=f"{pattern!r} on the console")

    def read(self, path: str) -> str:
        """A file of the guest, byte for byte."""
        return base64.b64decode(self.guest.shell(f"base64 {shlex.quote(path)}")).decode()

    def backups(self) -> list[str]:
        """The originals that were kept."""
        return sorted(self.guest.shell("ls -d /etc/*.bak.*").split())

    def password(self, user: str) -> str:
        """The account's entry in /etc/shadow."""
        return self.guest.shell(f"getent shadow {user}").split(":")[1]


def read_originals(folder: Path) -> dict[str, str]:
    """The image's own files, read without booting it."""
    raw = folder / "full.raw"
    run(["qemu-img", "convert", "-O", "raw", full_image(), raw], timeout_s=120)
    disk = f"{raw}?offset={PARTITION_START * SECTOR}"
    paths = ("/etc/motd", "/etc/passwd")
    read = {path: run(["debugfs", "-R", f"cat {path}", disk]).stdout for path in paths}
    raw.unlink()
    return read


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A server in a network without DHCP, cut off thrice in its first boot."""
    originals = read_originals(tmp_path_factory.mktemp("full"))
    with PrivateHost.start() as host, running_cloud(host, "--no-dhcp") as real:
        image = ("image", "import", "full", str(full_image()), "--config", str(real.live.config))
        image_id = real.live.cumulet(*image, "--property", "os_admin_user=debian").split()[0]
        files = Victim(real, "", originals).files
        server_id = real.api.create_server(
            "full",
            image_id,
            adminPass=PASSWORD,
            user_data=base64.b64encode(USER_DATA.encode()).decode(),
            personality=[
                {"path": path, "contents": base64.b64encode(text.encode()).decode()}
                for path, text in files.items()
            ],
        )
        made = Victim(real, server_id, originals)
        said = 0
        for cut in CUTS:
            real.api.wait_for_status(server_id, "ACTIVE")
            said = made.wait_for_console(cut, said)
            os.kill(host.qemu_pids()[server_id], signal.SIGKILL)
            real.api.wait_for_status(server_id, "SHUTOFF")
            said = len(real.api.console(server_id))
            real.api.act(server_id, {"os-start": None})
        real.api.wait_for_status(server_id, "ACTIVE")
        made.wait_for_console(END, said)
        yield made


def test_all_files_are_there_with_their_owner_and_mode(victim: Victim) -> None:
    assert victim.read("/etc/motd") == "injected\n"
    assert victim.read("/etc/passwd").startswith(victim.files["/etc/passwd"])
    assert victim.read(AWKWARD) == "größte\n"
    for path in victim.files:
        assert victim.guest.shell(f"stat -c '%u:%g %a' {shlex.quote(path)}") == "0:0 440"


def test_each_original_was_kept_once(victim: Victim) -> None:
    motd, passwd = victim.backups()

    assert re.fullmatch(r"/etc/motd\.bak\.\d{10}\.\d{4}", motd)
    assert passwd.removeprefix("/etc/passwd") == motd.removeprefix("/etc/motd")
    assert victim.read(motd) == victim.originals["/etc/motd"]
    assert victim.read(passwd) == victim.originals["/etc/passwd"]
    assert victim.guest.shell(f"stat -c '%u:%g %a' {motd} {passwd}") == "0:0 644\n0:0 644"


def test_nothing_else_is_left(victim: Victim) -> None:
    assert victim.guest.shell("ls -A /etc /root | grep -c '^.cumulet' || true") == "0"
    assert victim.guest.shell("mount | grep -c 'cumulet' || true") == "0"


def test_the_images_account_has_the_given_password(victim: Victim) -> None:
    hashed = victim.password("debian")

    assert secretutils.crypt_password(PASSWORD, hashed) == hashed
    assert victim.password("root")[0] in "!*"


def test_what_the_user_asked_cloud_init_for_is_done(victim: Victim) -> None:
    assert victim.read("/root/from-bootcmd").startswith("booted\n")
    assert victim.read("/etc/from-write-files") == "written"


def test_the_guest_has_its_static_address(victim: Victim) -> None:
    (shown,) = victim.real.api.server(victim.id)["addresses"]["lab"]
    (link,) = json.loads(victim.guest.shell("ip -json -4 address show dev eth0"))
    (address,) = link["addr_info"]

    assert (address["local"], address["prefixlen"]) == (shown["addr"], 24)
    assert "dynamic" not in address


def test_a_changed_password_and_a_reboot_change_nothing_else(victim: Victim) -> None:
    before = victim.backups()
    victim.real.api.act(victim.id, {"changePassword": {"adminPass": LATER}})
    assert secretutils.crypt_password(LATER, victim.password("debian")) == victim.password("debian")
    victim.guest.shell("echo mine >/etc/motd.mine && mv /etc/motd.mine /etc/motd && sync")
    said = len(victim.real.api.console(victim.id))

    victim.real.api.act(victim.id, {"reboot": {"type": "SOFT"}})
    victim.wait_for_console(END, said)

    hashed = victim.password("debian")
    assert secretutils.crypt_password(LATER, hashed) == hashed
    assert victim.read("/etc/motd") == "mine\n"
    assert victim.backups() == before
    assert "cumulet: " not in victim.real.api.console(victim.id)[said:]
