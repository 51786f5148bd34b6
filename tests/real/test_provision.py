# SPDX-License-Identifier: Apache-2.0
"""`etc/provision` makes a bare Debian a Cumulet host, and brings one to a newer version.

The machine has booted with its own systemd, so all is as on a host: the packages' services, the
sandbox around `cumulet serve`, libvirt with its default configuration. It has no network: what is
to be downloaded is there beforehand. Clients come by a forwarded port, as from outside Vagrant's
machine. The tests are one story, told in their order.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.booted import BootedMachine, booted_machine
from tests.lab.clean_root import wheelhouse
from tests.lab.cloud import ROOT, Api, LiveCloud
from tests.lab.commands import CommandError, run
from tests.lab.packages import read_packages
from tests.lab.passage import inwards
from tests.lab.tiny_guest import tiny_image
from tests.lab.wheel import build_wheel, copy_clone, set_version
from tests.readme import HOSTS, read_commands

pytestmark = pytest.mark.real

INSTALL_TIMEOUT_S = 600.0
VERSION, LATER, BROKEN = "0.1.0", "99.0", "98.0"
KEPT = ("etc/cumulet/cumulet.yaml", "var/lib/cumulet/clouds.yaml")
MOST_EXPOSED = 3.5  # of systemd's ten; a service that says nothing has 9.6
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheelhouse"}


@dataclass(slots=True)
class Host:
    """The machine, its clone of the source, and its cloud as it is seen from outside."""

    machine: BootedMachine
    clone: Path
    cloud: LiveCloud
    told: str  # by the script, at the first time

    def type(self, command: str) -> str:
        """Run a shell command in the clone on the machine."""
        return self.machine.type(command, timeout_s=INSTALL_TIMEOUT_S)

    def api(self) -> Api:
        """A client outside, logged in with the credentials as init wrote them."""
        return Api(self.cloud).log_in()

    def server_id(self) -> str:
        """The id of the only server."""
        (server,) = self.api().get("/servers")["servers"]
        return str(server["id"])

    def state(self) -> dict[str, str]:
        """What an upgrade must keep: files, and the running domain."""
        files = {path: (self.machine.root / path).read_text() for path in KEPT}
        domains = self.machine.run("virsh", "-c", "qemu:///system", "list", "--uuid", "--id")
        return {**files, "domains": domains.stdout, "enabled": self.systemctl("is-enabled")}

    def systemctl(self, verb: str, *options: str) -> str:
        """What systemd says of the service."""
        done = self.machine.run("systemctl", verb, *options, "cumulet", check=False)
        return (done.stdout + done.stderr).strip()

    def programs(self) -> list[str]:
        """The virtual environments that are there."""
        return sorted(path.name for path in (self.machine.root / "opt/cumulet").glob("venv-*"))


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A bare machine with a clone on it, which Vagrant's script has made a host."""
    packages = read_packages("run", "host", "build", "always")
    with booted_machine(packages, OFFLINE) as machine:
        shutil.copytree(wheelhouse(ROOT / "etc/requirements.txt"), machine.root / "wheelhouse")
        shutil.copy(tiny_image(), machine.root / "tiny.qcow2")
        clone = copy_clone(machine.root / "cumulet")
        cloud = LiveCloud(machine.root / "var/lib/cumulet", "")
        with inwards(machine.network, cloud.port, 8774):
            told = machine.type(
                f"CUMULET_URL={cloud.url} vagrant/provision.sh", timeout_s=INSTALL_TIMEOUT_S
            )
            yield Host(machine, clone, cloud, told)


def test_a_bare_machine_becomes_a_host(host: Host) -> None:
    assert f"cumulet, version {VERSION}\n" in host.told
    assert "next           cumulet serve --config /etc/cumulet/cumulet.yaml" in host.told
    assert host.told.endswith(
        "provision: done; cumulet serves. Look at it with: systemctl status cumulet\n"
    )
    assert (host.systemctl("is-active"), host.systemctl("is-enabled")) == ("active", "enabled")


def test_a_server_lives_in_the_sandbox_and_is_served_to_the_outside(host: Host) -> None:
    host.type("cumulet image import tiny /tiny.qcow2")
    create = ("server", "create", "--image", "tiny", "--flavor", "m1.tiny", "--network", "lab")

    host.cloud.openstack(*create, "--wait", "kept")

    api, server_id = host.api(), host.server_id()
    api.wait_for_console(server_id, "TINY-READY")
    for action, status in (
        ({"suspend": None}, "SUSPENDED"),
        ({"resume": None}, "ACTIVE"),
        ({"reboot": {"type": "HARD"}}, "ACTIVE"),
    ):
        api.act(server_id, action)
        api.wait_for_status(server_id, status)
    assert "Traceback" not in host.machine.journal("cumulet")


def test_the_unit_is_sound_and_bounded(host: Host) -> None:
    unit = "/etc/systemd/system/cumulet.service"

    verified = host.machine.run("systemd-analyze", "verify", unit)
    judged = host.machine.run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)

    exposure = re.search(r"Overall exposure level for cumulet.service: (\S+)", judged.stdout)
    assert (verified.stdout, verified.stderr) == ("", "")
    assert exposure is not None
    print(f"exposure {exposure[1]}")
    assert float(exposure[1]) <= MOST_EXPOSED


def test_the_service_ends_cleanly_and_before_libvirts_guests_are_shut_down(host: Host) -> None:
    shown = host.machine.run("systemctl", "show", "--property=After", "cumulet").stdout

    host.machine.run("systemctl", "restart", "cumulet")

    assert {"libvirt-guests.service", "libvirtd.service"} <= set(shown.strip()[6:].split())
    assert "Failed" not in host.machine.journal("cumulet")
    host.api().wait_for_status(host.server_id(), "ACTIVE")


def test_a_version_that_does_not_serve_leaves_the_former_one_serving(host: Host) -> None:
    before, programs = host.state(), host.programs()
    serve = host.clone / "agent/serve.py"
    text = serve.read_text()
    serve.write_text(f"{text}\n\nraise RuntimeError('this version is broken')\n")
    set_version(host.clone, BROKEN)
    try:
        with pytest.raises(CommandError) as failed:
            host.type("etc/provision")
    finally:
        serve.write_text(text)
        set_version(host.clone, LATER)

    assert str(failed.value).endswith("provision: the former version is in use again")
    assert host.programs() == programs
    assert host.type("cumulet --version") == f"cumulet, version {VERSION}\n"
    assert host.state() == before
    assert host.api().server(host.server_id())["status"] == "ACTIVE"


def test_what_is_no_wheel_is_refused_before_anything_is_stopped(host: Host) -> None:
    (host.clone / "no.whl").write_text("this is none")
    pid = host.systemctl("show", "--property=MainPID")
    programs = host.programs()

    with pytest.raises(CommandError, match=r"no\.whl is no wheel\. Make one in a clone: make"):
        host.type("etc/provision --wheel no.whl")

    assert host.systemctl("show", "--property=MainPID") == pid != "MainPID=0"
    assert host.programs() == programs


def test_without_systemd_a_cloud_that_serves_is_not_pulled_away(host: Host) -> None:
    hidden = "mount -t tmpfs none /run/systemd && exec etc/provision"

    with pytest.raises(CommandError, match=r"Stop it first: kill \d+$"):
        host.type(f"unshare --mount bash -c '{hidden}'")

    assert host.systemctl("is-active") == "active"


def test_the_readmes_commands_upgrade_the_host_and_remove_it(host: Host) -> None:
    build_wheel(host.clone)
    before = host.state()
    commands = [command.text for command in read_commands() if command.text in HOSTS]
    assert commands == list(HOSTS)
    upgrade, remove = commands

    told = host.type(upgrade)

    assert f"cumulet, version {LATER}\n" in told
    assert host.type("cumulet --version") == f"cumulet, version {LATER}\n"
    assert host.state() == before
    assert host.api().server(host.server_id())["status"] == "ACTIVE"
    assert len(host.programs()) == 1

    server_id = host.server_id()
    host.api().request("DELETE", f"/compute/v2.1/servers/{server_id}")
    host.api().wait_until_gone(server_id)
    before = host.state()
    told = host.type(remove)

    assert told.startswith("provision: removed. State and /etc/cumulet are as they were")
    assert not (host.machine.root / "opt/cumulet").exists()
    assert not (host.machine.root / "usr/local/bin/cumulet").is_symlink()
    assert "could not be found" in host.systemctl("status")
    assert {path: host.state()[path] for path in KEPT} == {path: before[path] for path in KEPT}


@pytest.mark.parametrize(
    ("release", "accepted"),
    [
        ('ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04 LTS"\n', False),
        ('ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n', False),
        ('ID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora 41"\n', False),
        ('ID=debian\nVERSION_ID="13"\n', True),
        ('ID=ubuntu\nVERSION_ID="24.04"\n', True),
        ('ID=ubuntu\nVERSION_ID="26.04"\n', True),
    ],
)
def test_it_says_at_once_where_it_can_not_work(host: Host, release: str, accepted: bool) -> None:
    (host.machine.root / "release").write_text(release)
    # Removing what is not there is all that an accepted one does.
    inside = "mount --bind /release /etc/os-release && exec etc/provision --remove"

    done = host.machine.run(
        *("unshare", "--mount", "bash", "-c", f"cd /cumulet; {inside}"), check=False
    )

    assert done.returncode == (0 if accepted else 1)
    if not accepted:
        assert "Use Debian 12 or Ubuntu 24.04, or a later one." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--help",), 0, "Examples:"),
        (("--nonsense",), 2, "provision: '--nonsense' is not known. See etc/provision --help\n"),
        (("--wheel",), 2, "provision: --wheel needs a value. See etc/provision --help\n"),
        (("--wheel", "gone.whl"), 2, "There is no file gone.whl."),
    ],
)
def test_the_script_explains_itself(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = run([ROOT / "etc/provision", *arguments], check=False)

    assert done.returncode == code
    assert said in done.stdout + done.stderr
