# SPDX-License-Identifier: Apache-2.0
"""`cumulet doctor` on a host of its own: a healthy cloud, then one thing after another broken."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.config import read_config
from agent.hypervisor.host import Host
from tests.domain_specs import EMULATED, make_spec
from tests.lab.cloud import ROOT
from tests.lab.private_host import PrivateHost
from tests.lab.processes import children_of
from tests.lab.snapshot import SYSTEM_SOCKETS
from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud, running_cloud

pytestmark = pytest.mark.real

ORPHAN = "33333333-3333-4333-8333-333333333333"
THEIRS = "44444444-4444-4444-8444-444444444444"
PLAIN = "55555555-5555-4555-8555-555555555555"
TAKE_PORT = """\
import socket, sys
sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for each in sockets:
    each.bind(("0.0.0.0", 53))
sockets[1].listen()
print("taken", flush=True)
sys.stdin.read()
"""

LISTEN_AS_SYSTEMD = """\
import pathlib, socket, sys
path = pathlib.Path(sys.argv[1])
path.unlink(missing_ok=True)
pathlib.Path("/run/systemd/system").mkdir(parents=True)
listener = socket.socket(socket.AF_UNIX)
listener.bind(str(path))
listener.listen()
print("listening", flush=True)
listener.accept()
print("woken", flush=True)
"""


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program that was spawned on a host, and wait for it: nsenter is only its parent."""
    for pid in children_of(process.pid):
        os.kill(pid, signal.SIGTERM)
    process.wait(30)


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor said, to a program."""

    code: int
    problems: dict[str, str]  # what was seen, by the check
    mended: list[str]
    seen: str  # all of it


@dataclass(frozen=True, slots=True)
class Ward:
    """A cloud whose libvirt is the system's, as far as its namespaces go, and not served."""

    host: PrivateHost
    real: RealCloud
    kept: str
    deleted: str

    @property
    def state(self) -> Path:
        return self.real.live.state

    def command(self, *arguments: str, config: Path | None = None) -> list[str]:
        """A `cumulet` command, as it is run inside."""
        python = ["env", "PYTHONDONTWRITEBYTECODE=1", f"PYTHONPATH={ROOT}", sys.executable]
        return [
            *python,
            "-m",
            "agent",
            *arguments,
            "--config",
            str(config or self.real.live.config),
        ]

    def doctor(self, *options: str, config: Path | None = None) -> Report:
        """Let the doctor look, from inside."""
        argv = self.command("doctor", "--json", *options, config=config)
        done = self.host.inside(argv, check=False)
        assert done.stderr == ""
        told = json.loads(done.stdout)
        problems = {x["check"]: x["seen"] for x in told["findings"] if x["level"] == "problem"}
        assert told["healthy"] == (not problems) == (done.returncode == 0)
        unhelpful = [
            x for x in told["findings"] if x["level"] in {"problem", "warning"} and not x["fix"]
        ]
        assert unhelpful == []
        return Report(done.returncode, problems, told["mended"], done.stdout)

    @contextmanager
    def served(self) -> Iterator[None]:
        """Serve the cloud meanwhile, from inside."""
        log = self.host.folder / "serve.log"
        process = self.host.spawn(self.command("serve"), output=log, env=dict(os.environ))
        ask = f"import urllib.request as r; r.urlopen('{self.real.live.url}/healthz')"
        try:
            wait_for(
                lambda: self.host.inside([sys.executable, "-c", ask], check=False).returncode == 0,
                timeout_s=30,
                what="an answer from the cloud",
            )
            yield
        finally:
            end(process)

    def libvirt(self, owner: str) -> Host:
        """This host's libvirt, for somebody who marks domains as his."""
        return Host(self.host.uri, owner=owner)


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    """A cloud with one server, and one that was deleted."""
    with PrivateHost.start() as host, running_cloud(host) as real:
        kept, deleted = real.active("kept"), real.active("deleted")
        real.delete(deleted)
        real.live.stop()
        host.inside(["ln", "-s", str(host.socket), str(SYSTEM_SOCKETS[0])])
        config = real.live.config
        config.write_text(config.read_text().replace(host.uri, "qemu:///system"))
        yield Ward(host, real, kept, deleted)


def test_a_healthy_cloud_is_told_so_served_or_not(ward: Ward) -> None:
    quiet = ward.doctor()
    with ward.served():
        served = ward.doctor("--orphans")

    assert (quiet.code, quiet.problems) == (0, {})
    assert "nothing serves the state folder now" in quiet.seen
    assert "(libvirtd, one for all) with QEMU" in quiet.seen
    assert (served.code, served.problems) == (0, {})
    assert f"`cumulet serve` answers at 127.0.0.1:{ward.real.live.port}" in served.seen


def test_before_init_a_good_host_is_well(ward: Ward) -> None:
    report = ward.doctor(config=ward.state / "none.yaml")

    assert (report.code, report.problems) == (0, {})
    assert "`cumulet init` has not been run" in report.seen


def test_a_network_that_was_destroyed_is_told_and_fixed(ward: Ward) -> None:
    network = read_config(ward.real.live.config).network.libvirt_network
    ward.host.virsh("net-destroy", network)
    broken = ward.doctor()
    fixed = ward.doctor("--fix")

    assert broken.problems == {"network": f"libvirt's network '{network}' does not run"}
    assert fixed.mended == [f"libvirt's network '{network}' runs, now and after the host's start"]
    assert fixed.code == 0
    assert network in ward.host.virsh("net-list", "--name")


def test_qemus_user_who_cant_pass_is_told(ward: Ward) -> None:
    conf = ward.host.folder / "etc/qemu.conf"
    before = conf.read_text()
    conf.write_text('user = "libvirt-qemu"\n')
    try:
        open_to_all = ward.doctor()
        ward.state.chmod(0o700)
        closed = ward.doctor()
    finally:
        ward.state.chmod(0o711)
        conf.write_text(before)

    assert open_to_all.code == 0
    assert "libvirt-qemu, who passes through each folder" in open_to_all.seen
    assert closed.problems == {
        "disk access": "QEMU runs as libvirt-qemu, who can't pass through "
        f"{ward.state} to the disks"
    }


def test_a_taken_port_is_told_and_really_keeps_the_network_from_starting(ward: Ward) -> None:
    network = read_config(ward.real.live.config).network.libvirt_network
    ward.host.virsh("net-destroy", network)
    taken = ward.host.folder / "taken"
    process = ward.host.spawn(
        [sys.executable, "-c", TAKE_PORT],
        output=taken,
        env=dict(os.environ),
        stdin=subprocess.PIPE,
    )
    try:
        wait_for(lambda: "taken" in taken.read_text(), timeout_s=30, what="the port to be taken")
        report = ward.doctor()
        refused = ward.doctor("--fix")
    finally:
        process.communicate()
    fixed = ward.doctor("--fix")

    assert set(report.problems) == {"network", "DNS port"}
    assert "listens at port 53 of 0.0.0.0" in report.problems["DNS port"]
    assert refused.mended == []
    assert refused.problems["fix"].startswith(f"libvirt's network '{network}' could not be started")
    assert fixed.code == 0


def test_only_what_bears_our_mark_is_removed(ward: Ward) -> None:
    config = read_config(ward.real.live.config)
    ours, others = ward.libvirt(config.installation), ward.libvirt("another-cloud")
    ours.define(make_spec(ORPHAN, domain_name="cumulet-333333333333", hardware=EMULATED))
    others.define(make_spec(THEIRS, domain_name="theirs", hardware=EMULATED))
    plain = f"<domain type='qemu'><name>plain</name><uuid>{PLAIN}</uuid><memory>65536</memory>"
    plain += "<os><type>hvm</type></os></domain>"
    ward.host.inside(["virsh", "--connect", ward.host.uri, "define", "/dev/stdin"], stdin=plain)
    folders = ward.state / "servers"
    for name in (ward.deleted, "notes"):
        shutil.copytree(folders / ward.kept, folders / name)
    broken = ward.doctor("--orphans")
    with ward.served():
        fixed = ward.doctor("--fix", "--orphans")
    left = ward.host.virsh("list", "--all", "--uuid").split()
    ours.close()
    others.close()
    for uuid in (THEIRS, PLAIN):
        ward.host.virsh("undefine", uuid)
    shutil.rmtree(folders / "notes")

    assert broken.code == 1
    assert broken.problems["leftovers"].startswith(f"domain {ORPHAN}: ")
    assert "2 of 4 are ours, 1 of installation another-cloud, 1 of no cloud" in broken.seen
    assert fixed.code == 0
    assert [x.split(":")[0] for x in fixed.mended] == [
        f"removed domain {ORPHAN}",
        f"removed server folder {folders / ward.deleted}",
    ]
    assert f"foreign folder {folders / 'notes'}" in fixed.seen
    assert sorted(left) == sorted([ward.kept, THEIRS, PLAIN])
    assert (folders / ward.kept / "disk.qcow2").exists()


def test_a_domain_that_somebody_undefined_is_missing(ward: Ward) -> None:
    xml = ward.host.virsh("dumpxml", ward.kept)
    ward.host.virsh("destroy", ward.kept)
    ward.host.virsh("undefine", ward.kept)
    report = ward.doctor("--fix")
    ward.host.inside(["virsh", "--connect", ward.host.uri, "define", "/dev/stdin"], stdin=xml)

    assert report.mended == []
    assert f"server without its domain {ward.kept}" in report.problems["leftovers"]


def test_a_libvirt_that_hangs_or_is_gone_is_told_in_time(ward: Ward) -> None:
    ward.host.freeze_libvirtd()
    began = time.monotonic()
    try:
        frozen = ward.doctor()
    finally:
        took_s = time.monotonic() - began
        ward.host.thaw_libvirtd()
    ward.host.kill_libvirtd()
    gone = ward.doctor()
    ward.host.start_libvirtd()
    print(f"a frozen libvirtd: told after {took_s:.1f} s")

    assert frozen.problems == {"libvirt": "libvirt has not answered within 10 seconds"}
    assert took_s < 20
    assert gone.problems == {"libvirt": "libvirt does not run"}
    assert "libvirtd -d" in gone.seen


def test_a_libvirt_that_sleeps_is_not_woken(ward: Ward) -> None:
    ward.host.kill_libvirtd()
    said = ward.host.folder / "said"
    listener = ward.host.spawn(
        [sys.executable, "-c", LISTEN_AS_SYSTEMD, str(SYSTEM_SOCKETS[0])],
        output=said,
        env=dict(os.environ),
    )
    try:
        wait_for(lambda: "listening" in said.read_text(), timeout_s=30, what="the listener")
        report = ward.doctor("--orphans")
    finally:
        end(listener)
        ward.host.inside(["rm", "-r", "/run/systemd", str(SYSTEM_SOCKETS[0])])
        ward.host.inside(["ln", "-s", str(ward.host.socket), str(SYSTEM_SOCKETS[0])])
        ward.host.start_libvirtd()

    assert said.read_text() == "listening\n"
    assert "libvirt sleeps: systemd starts it when it is asked" in report.seen
    assert report.code == 0
