# SPDX-License-Identifier: Apache-2.0
"""What unmodified cloud-init makes of our config drive, in a distribution as clouds have it.

One boot for all tests that only look: it is the slowest guest here. The last one rescues it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from oslo_utils import secretutils

from tests.keys import ED25519
from tests.lab.commands import CommandError
from tests.lab.full_guest import full_image
from tests.lab.guest_agent import GuestAgent
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud, running_cloud

pytestmark = pytest.mark.real

FULL_BOOT_S = 400.0
PASSWORD = "given größte:1"
STATUS_S = 60.0  # to say that it is done, after it has said so on the console
READ_DRIVE = """\
mkdir -p /run/drive && mount -o ro LABEL=config-2 /run/drive && python3 - <<'EOF'
import json
from cloudinit.sources.DataSourceConfigDrive import read_config_drive
read = read_config_drive("/run/drive")
print(json.dumps({
    "uuid": read["metadata"]["uuid"],
    "files": list(read["files"]),
    "userdata": read["userdata"].decode(),
    "links": [link["ethernet_mac_address"] for link in read["networkdata"]["links"]],
    "ec2": read["ec2-metadata"]["instance-id"],
    "vendor": [part.splitlines()[0] for part in read["vendordata"]["cloud-init"]],
}))
EOF
"""
"""Asks cloud-init's own reader what is on the drive."""

READ_DISKS = """\
set -e
mount -o ro /dev/vdb1 /mnt
findmnt --noheadings --output=SOURCE /
blkid --match-tag=UUID --output=value /dev/vda1 /dev/vdb1
cat /mnt/root/which
ls /root/which 2>/dev/null || echo none
"""
"""Says in a rescue system which disk is its root, and finds the server's own file on the other."""

USER_DATA = """\
#cloud-config
bootcmd:
- echo booted >/run/from-bootcmd
write_files:
- path: /etc/from-write-files
  content: written
  permissions: "0600"
runcmd:
- [sh, -c, "cat /run/from-bootcmd /etc/from-write-files >/run/from-runcmd"]
"""


@dataclass(frozen=True, slots=True)
class FullServer:
    """A server whose guest has booted to the end of cloud-init."""

    real: RealCloud
    id: str

    @property
    def guest(self) -> GuestAgent:
        """Where programs run inside it."""
        return self.real.guest(self.id)


@pytest.fixture(scope="module")
def server() -> Iterator[FullServer]:
    """The one server, on a host of its own; its tests only look, but for the last."""
    image = full_image()
    with PrivateHost.start() as host, running_cloud(host) as real:
        image_id = real.live.import_image("full", image)
        keypair = {"name": "ann", "public_key": ED25519}
        status, _, _ = real.api.request("POST", "/compute/v2.1/os-keypairs", {"keypair": keypair})
        assert status in {200, 201}
        server_id = real.api.create_server(
            "Full 1",
            image_id,
            key_name="ann",
            metadata={"role": "web"},
            adminPass=PASSWORD,
            user_data=base64.b64encode(USER_DATA.encode()).decode(),
        )
        real.api.wait_for_status(server_id, "ACTIVE")
        made = FullServer(real, server_id)
        wait_for_cloud_init(made)
        yield made
        real.delete(server_id)


def wait_for_cloud_init(server: FullServer) -> None:
    """Wait until cloud-init has ended, however it ended.

    First by the console: each question to a guest that boots makes it boot later.
    """

    def look() -> str | None:
        console = server.real.api.console(server.id)
        found = re.search(r"Cloud-init .* finished at .* Up ([0-9.]+) seconds", console)
        return found[1] if found else None

    up = wait_for(look, timeout_s=FULL_BOOT_S, poll_s=1, what="cloud-init's last line")
    print(f"cloud-init had finished when the full guest was up for {up} s")
    server.guest.run("/usr/bin/cloud-init", "status", "--wait", timeout_s=STATUS_S)


def test_cloud_init_is_done_and_has_met_no_error(server: FullServer) -> None:
    code, status = server.guest.run("/usr/bin/cloud-init", "status", "--long")
    result = json.loads(server.guest.shell("cat /run/cloud-init/result.json"))

    assert code == 0
    assert status.startswith("status: done\n")
    assert result["v1"]["errors"] == []
    assert "ConfigDrive" in result["v1"]["datasource"]


def test_no_unit_has_failed(server: FullServer) -> None:
    assert server.guest.shell("systemctl --failed --no-legend --plain") == ""


def test_the_guest_has_the_servers_name(server: FullServer) -> None:
    assert server.guest.shell("hostname") == "full-1"


def test_root_has_the_given_password(server: FullServer) -> None:
    hashed = server.guest.shell("getent shadow root").split(":")[1]

    assert secretutils.crypt_password(PASSWORD, hashed) == hashed


def test_cloud_inits_own_reader_finds_all_of_the_drive(server: FullServer) -> None:
    read = json.loads(server.guest.shell(READ_DRIVE))

    assert read["uuid"] == server.id
    assert read["files"] == []
    assert read["userdata"] == USER_DATA
    assert read["links"] == [server.guest.shell("cat /sys/class/net/eth0/address")]
    assert read["ec2"].startswith("i-")
    assert read["vendor"] == ["#cloud-boothook"]


def test_the_key_opens_the_default_user(server: FullServer) -> None:
    user = server.guest.shell("id --name --user 1000")  # the image's default one
    keys = server.guest.shell(f"cat ~{user}/.ssh/authorized_keys")
    permissions = server.guest.shell(f"stat -c '%U %a' ~{user}/.ssh/authorized_keys")

    assert keys.splitlines() == [ED25519]
    assert permissions == f"{user} 600"
    assert server.guest.shell("systemctl is-active ssh.socket ssh.service | sort -u | head -1")


def test_the_users_data_has_run(server: FullServer) -> None:
    written = server.guest.shell("stat -c '%U %a' /etc/from-write-files")

    assert server.guest.shell("cat /run/from-bootcmd") == "booted"
    assert written == "root 600"
    assert server.guest.shell("cat /run/from-runcmd") == "booted\nwritten"


def test_the_metadata_can_be_read(server: FullServer) -> None:
    metadata = json.loads(server.guest.shell("cloud-init query ds.meta_data"))

    assert metadata["instance-id"] == server.id
    assert metadata["name"] == "Full 1"
    assert metadata["meta"] == {"role": "web"}
    assert server.guest.shell("cloud-init query userdata") == USER_DATA.strip()


def test_the_guest_has_the_address_and_mac_that_the_api_shows(server: FullServer) -> None:
    (shown,) = server.real.api.server(server.id)["addresses"]["lab"]
    (link,) = json.loads(server.guest.shell("ip -json -4 address show dev eth0"))
    (address,) = link["addr_info"]

    assert address["local"] == shown["addr"]
    assert address["dynamic"] is True
    assert server.guest.shell("cat /sys/class/net/eth0/address") == shown["OS-EXT-IPS-MAC:mac_addr"]


def test_the_root_file_system_has_grown_to_the_flavors_disk(server: FullServer) -> None:
    size_mb = int(server.guest.shell("df --block-size=1M --output=size / | tail -1"))

    assert 900 < size_mb <= 1024


def test_a_rescue_by_the_servers_own_image_takes_the_right_one_of_two_disks_alike(
    server: FullServer,
) -> None:
    """The last one. Both have the label by which the image's initramfs finds the root."""
    server.guest.shell("echo own >/root/which; sync")
    server.real.api.act(server.id, {"rescue": None})
    server.real.api.wait_for_status(server.id, "RESCUE")

    def look() -> str | None:
        try:
            return server.guest.shell(READ_DISKS, timeout_s=STATUS_S)
        except (CommandError, AssertionError):  # there is no agent yet, or no partition
            return None

    found = wait_for(look, timeout_s=FULL_BOOT_S, poll_s=1, what="the rescue system's agent")
    root, of_rescue, of_own, *marks = found.split()

    assert root == "/dev/vda1"
    assert of_rescue == of_own
    assert marks == ["own", "none"]
