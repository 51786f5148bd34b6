# SPDX-License-Identifier: Apache-2.0
"""The lab keeps its promises: a real guest boots on a private host, and nothing outlives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.commands import CommandError
from tests.lab.guests import (
    BOOT_TIMEOUT_S,
    LabGuest,
    LabNetwork,
    plain_config,
    start_guest,
    start_network,
)
from tests.lab.passage import HERE, outwards
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for
from tests.lab.webserver import reply, web_server
from tests.real.conftest import running_cloud

pytestmark = pytest.mark.real

NETWORK = LabNetwork()
BOOTHOOK = '#cloud-boothook\n#!/bin/sh\necho "HOOK $INSTANCE_ID $(findfs LABEL=config-2)"\n'
USER_SCRIPT = '#!/bin/sh\necho "USER $INSTANCE_ID"\n'
OWNER = """
import signal
from tests.lab.guests import LabGuest, LabNetwork, plain_config, start_guest, start_network
from tests.lab.private_host import PrivateHost

host = PrivateHost.start()
start_network(host, LabNetwork())
guest = LabGuest(host, host.folder / "tiny-1")
start_guest(guest, LabNetwork(), plain_config(guest, hostname="orphan", meta={}))
print(host.folder, flush=True)
signal.pause()
"""
DOWNLOAD = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode(), end='')"


@pytest.fixture(scope="module")
def host() -> Iterator[PrivateHost]:
    with PrivateHost.start() as running:
        start_network(running, NETWORK)
        yield running


@pytest.fixture(scope="module")
def guest(host: PrivateHost) -> LabGuest:
    made = LabGuest(host, host.folder / "tiny-1")
    config = plain_config(made, hostname="first", meta={"colour": "blue and green"})
    config["openstack/latest/vendor_data.json"] = json.dumps({"cloud-init": [BOOTHOOK, "#!/no"]})
    config["openstack/latest/user_data"] = USER_SCRIPT
    start_guest(made, NETWORK, config)
    made.wait_for_line("TINY-READY")
    return made


def test_guest_reads_its_config_drive(guest: LabGuest) -> None:
    lines = guest.console_lines()

    assert f"TINY-CONFIG dev=/dev/sr0 uuid={guest.uuid} hostname=first" in lines
    assert 'TINY-META {"colour":"blue and green"}' in lines
    assert f"HOOK {guest.uuid} /dev/sr0" in lines
    assert f"USER {guest.uuid}" in lines


def test_guest_gets_its_reserved_address(guest: LabGuest) -> None:
    assert guest.wait_for_line("TINY-DHCP").endswith(f"ip={NETWORK.reserved}")


def test_guest_is_reachable_from_inside_only(host: PrivateHost, guest: LabGuest) -> None:
    guest.wait_for_line("TINY-READY")

    bridges = host.inside(["ip", "-brief", "link", "show", NETWORK.bridge]).stdout

    assert bridges.startswith(NETWORK.bridge)
    assert not Path("/sys/class/net", NETWORK.bridge).exists()


def test_agent_runs_programs_inside(guest: LabGuest) -> None:
    assert guest.run("/bin/cat", "/etc/hostname") == (0, "first\n")
    assert guest.run("/bin/sh", "-c", "exit 3") == (3, "")


def test_qemu_is_visible_and_outlives_libvirtd(host: PrivateHost, guest: LabGuest) -> None:
    pid = host.qemu_pids()[guest.uuid]

    host.restart_libvirtd()

    guest.wait_for_state("running")
    assert host.qemu_pids()[guest.uuid] == pid
    os.kill(pid, 0)


def test_frozen_libvirtd_does_not_answer_until_thawed(host: PrivateHost) -> None:
    host.freeze_libvirtd()
    with pytest.raises(subprocess.TimeoutExpired):
        host.inside(["virsh", "--connect", host.uri, "uri"], timeout_s=0.5)
    host.thaw_libvirtd()

    assert host.is_answering()


def test_reboot_runs_boothooks_again_and_the_user_script_not(guest: LabGuest) -> None:
    guest.host.virsh("reset", guest.uuid)

    wait_for(
        lambda: sum(line.startswith("TINY-READY") for line in guest.console_lines()) == 2,
        timeout_s=BOOT_TIMEOUT_S,
        what="the end of the second boot",
    )
    lines = guest.console_lines()
    assert lines.count(f"HOOK {guest.uuid} /dev/sr0") == 2
    assert lines.count(f"USER {guest.uuid}") == 1


def test_power_button_powers_off(guest: LabGuest) -> None:
    guest.host.virsh("shutdown", "--mode", "acpi", guest.uuid)

    guest.wait_for_state("shut off")
    assert guest.wait_for_line("TINY-DOWN")


def test_host_comes_back_from_a_power_cut() -> None:
    host = PrivateHost.start()
    try:
        start_network(host, NETWORK)
        made = LabGuest(host, host.folder / "tiny-1")
        start_guest(made, NETWORK, plain_config(made, hostname="first", meta={}))
        pid, boot_id = host.qemu_pids()[made.uuid], host.boot_id

        host.stop(keep=True)
        assert not Path(f"/proc/{pid}").exists()
        host = PrivateHost.start(host.folder)

        assert host.virsh("domstate", made.uuid).strip() == "shut off"
        assert host.boot_id != boot_id
        assert host.inside(["cat", "/proc/sys/kernel/random/boot_id"]).stdout == f"{host.boot_id}\n"
    finally:
        host.stop()
    assert not host.folder.exists()


def test_killed_owner_leaves_no_process_and_no_libvirt_folder() -> None:
    state = [Path(f"/var/{part}/libvirt") for part in ("lib", "log", "cache")]
    before = [path.exists() for path in state]
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    folder = Path(owner.stdout.readline().strip())
    init_pid = int((folder / "init.pid").read_text())
    namespace = Path(f"/proc/{init_pid}/ns/pid").readlink()

    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()

    wait_for(lambda: not any_process_in(namespace), timeout_s=10, what="the namespace to be empty")
    assert [path.exists() for path in state] == before


def test_a_cloud_serves_in_its_hosts_network_and_is_reached_from_outside() -> None:
    with PrivateHost.start() as host, running_cloud(host, inside=True) as real:
        for _ in range(2):
            assert real.live.process is not None
            process = Path(f"/proc/{real.live.process.pid}")
            networks = [path.readlink() for path in (process / "ns/net", host.network, HERE)]
            assert networks[0] == networks[1] != networks[2]
            assert "cumulet0:" in (process / "net/dev").read_text()
            assert real.api.get("/servers") == {"servers": []}

            real.live.kill()
            assert not real.live.is_answering()
            real.live.start()


def test_what_listens_outside_is_reached_from_inside(host: PrivateHost) -> None:
    with web_server() as web:
        web.answers["/"] = reply(200, b"from outside")
        download = [sys.executable, "-c", DOWNLOAD, web.url("/")]

        with outwards(host.network, web.port):
            assert host.inside(download).stdout == "from outside"

        with pytest.raises(CommandError, match="Connection refused"):
            host.inside(download)


def any_process_in(namespace: Path) -> bool:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns" / "pid").readlink() == namespace:
                return True
        except OSError:
            continue
    return False
