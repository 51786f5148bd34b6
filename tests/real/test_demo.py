# SPDX-License-Identifier: Apache-2.0
"""`make demo` as its users have it: it comes true, and the machine is as it was, however it ends.

The machine is a private host's namespaces, in which nothing else runs: so *everything* on it can be
compared. It has no libvirt of its own where one is asked for it, or one with a user's things in it,
with the very names that the demo would choose first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import pytest

from tests.lab import demo_guard
from tests.lab.private_host import PrivateHost
from tests.lab.processes import children_of
from tests.lab.snapshot import SYSTEM_SOCKETS, difference
from tests.lab.tiny_guest import tiny_image
from tests.lab.waiting import wait_for

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
DEMO_TIMEOUT_S = 240.0
CLEAN_TIMEOUT_S = 30.0

NETWORK = Template("""\
<network>
  <name>$name</name>
  <bridge name='$bridge'/>
  <ip address='$prefix.1' netmask='255.255.255.0'>
    <dhcp><range start='$prefix.2' end='$prefix.254'/></dhcp>
  </ip>
</network>
""")
DOMAIN = """\
<domain type='qemu'>
  <name>a-users-own</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
</domain>
"""


@dataclass(slots=True)
class Machine:
    """A machine that nobody else uses."""

    host: PrivateHost
    before: Mapping[str, list[str]] = field(default_factory=dict)

    def python(self, *arguments: str) -> str:
        """Run Python on it, in the clone."""
        return self.host.inside(
            ["env", f"--chdir={ROOT}", sys.executable, *arguments], timeout_s=120
        ).stdout

    def look(self) -> dict[str, list[str]]:
        """What is there now."""
        return dict(json.loads(self.python("-m", "tests.lab.snapshot")))

    def changes(self) -> list[str]:
        """What came or went since the first look."""
        return difference(self.before, self.look())

    def virsh(self, *arguments: str) -> str:
        """Ask the libvirt that this machine's users have."""
        return self.host.inside(["virsh", "-q", "-c", "qemu:///system", *arguments]).stdout


@dataclass(slots=True)
class Demo:
    """A demo that runs."""

    process: subprocess.Popen[bytes]
    output: Path

    def text(self) -> str:
        """What it has printed so far."""
        return self.output.read_text()

    def wait_for_text(self, text: str) -> None:
        """Wait until it has printed this."""
        wait_for(
            lambda: text in self.text() or self.process.poll() is not None,
            timeout_s=DEMO_TIMEOUT_S,
            what=f"{text!r} from the demo",
        )
        assert self.process.poll() is None, self.text()

    def folder(self) -> Path:
        """Where its files are."""
        return Path(self.text().partition("All files are in ")[2].partition(".\n")[0])

    def send(self, number: signal.Signals) -> int:
        """Send it a signal and give its exit code; negative when the signal killed it."""
        (pid,) = children_of(self.process.pid)  # that of nsenter
        os.kill(pid, number)
        return self.process.wait(DEMO_TIMEOUT_S)


def start_demo(machine: Machine, output: Path) -> Demo:
    """Start the demo as `make demo` does."""
    argv = ["env", f"--chdir={ROOT}", sys.executable, "-m", "tests.lab.demo"]
    return Demo(machine.host.spawn(argv, output=output, env=os.environ), output)


def finish_demo(machine: Machine, output: Path) -> str:
    """Run the demo to its good end and give what it printed."""
    demo = start_demo(machine, output)
    code = demo.process.wait(DEMO_TIMEOUT_S)
    assert code == 0, demo.text()
    return demo.text()


def assert_all_is_gone(machine: Machine, demo: Demo) -> None:
    """Assert that the machine soon is as it was before a demo that was killed."""
    assert demo.folder().name.startswith(demo_guard.PREFIX)
    wait_for(lambda: not demo.folder().exists(), timeout_s=CLEAN_TIMEOUT_S, what="an empty disk")
    wait_for(
        lambda: not machine.changes(),
        timeout_s=CLEAN_TIMEOUT_S,
        what="the machine to be as it was",
        poll_s=0.5,
    )


@pytest.fixture(scope="module")
def bare() -> Iterator[Machine]:
    """A machine on which no libvirt runs, as far as its users see."""
    tiny_image()
    with PrivateHost.start() as host:
        machine = Machine(host)
        machine.before = machine.look()
        yield machine


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with a libvirt in use: networks `default` and `cumulet`, and a domain that runs."""
    folder = tmp_path_factory.mktemp("furnished")
    with PrivateHost.start() as host:
        for suffix in ("", "-ro"):
            link = f"{SYSTEM_SOCKETS[0]}{suffix}"
            host.inside(["ln", "-s", f"{host.socket}{suffix}", link])
        machine = Machine(host)
        for name, bridge, prefix in (
            ("default", "virbr0", "192.168.122"),
            ("cumulet", "cumulet0", "10.70.0"),
        ):
            file = folder / f"{name}.xml"
            file.write_text(NETWORK.substitute(name=name, bridge=bridge, prefix=prefix))
            machine.virsh("net-define", str(file))
            machine.virsh("net-start", name)
            machine.virsh("net-autostart", name)
        (folder / "domain.xml").write_text(DOMAIN)
        machine.virsh("define", str(folder / "domain.xml"))
        machine.virsh("start", "--paused", "a-users-own")
        machine.before = machine.look()
        yield machine


def test_the_demo_comes_true_on_a_machine_without_libvirt(bare: Machine, tmp_path: Path) -> None:
    told = finish_demo(bare, tmp_path / "demo")

    assert "No libvirt runs here, so a private one is started" in told
    steps = ["the guest is a tiny one", "adminPass", "status    ACTIVE", "The guest boots"]
    steps += ["Hello from outside.", "/etc/motd.bak.", '"meta": {"role": "web"}']
    steps += ["reboot --soft", "booted anew", "reboot --hard", "booted anew", "put in again"]
    steps += ["server suspend", "| SUSPENDED |", "server resume", "goes on where it was"]
    steps += ["poweroff", "| SHUTOFF |", "server start", "| ACTIVE |", "server delete"]
    steps += ["(no server)", "as it was."]
    places = [told.index(steps[0])]
    for step in steps[1:]:
        places.append(told.index(step, places[-1]))
    assert "Progress" not in told
    assert bare.changes() == []


def test_the_demo_leaves_a_libvirt_in_use_as_it_was(furnished: Machine, tmp_path: Path) -> None:
    told = finish_demo(furnished, tmp_path / "demo")

    assert "The system's libvirt is used, qemu:///system" in told
    assert "network 'lab' is 10.71.0.0/24: libvirt network 'cumulet-1', bridge cumulet1" in told
    assert furnished.changes() == []
    assert [x.split()[:2] for x in furnished.before["networks"]] == [
        ["cumulet", "active"],
        ["default", "active"],
    ]
    assert [x.split()[1:] for x in furnished.before["domains"]] == [["a-users-own", "paused"]]


def test_a_killed_demo_on_a_machine_without_libvirt_leaves_nothing(
    bare: Machine, tmp_path: Path
) -> None:
    demo = start_demo(bare, tmp_path / "demo")
    demo.wait_for_text("status    ACTIVE")

    assert demo.send(signal.SIGKILL) == -signal.SIGKILL

    assert_all_is_gone(bare, demo)


@pytest.mark.parametrize("moment", ["$ cumulet serve", "demo_create.py", "status    ACTIVE"])
def test_a_killed_demo_leaves_nothing_in_a_libvirt_in_use(
    furnished: Machine, tmp_path: Path, moment: str
) -> None:
    demo = start_demo(furnished, tmp_path / "demo")
    demo.wait_for_text(moment)
    if "create" in moment:  # the guest is being made
        wait_for(
            lambda: "cumulet-" in furnished.virsh("list", "--all", "--name"),
            timeout_s=DEMO_TIMEOUT_S,
            what="the domain",
        )

    assert demo.send(signal.SIGKILL) == -signal.SIGKILL

    assert_all_is_gone(furnished, demo)


def test_the_next_demo_cleans_up_where_even_the_guard_was_killed(
    furnished: Machine, tmp_path: Path
) -> None:
    demo = start_demo(furnished, tmp_path / "demo")
    demo.wait_for_text("status    ACTIVE")
    (guard,) = [x for x in furnished.look()["processes"] if "tests.lab.demo_guard" in x]
    furnished.host.inside(["kill", "-KILL", guard.split()[0]])
    demo.send(signal.SIGKILL)
    assert "domains: came" in "\n".join(furnished.changes())

    furnished.python("-c", "from tests.lab import demo_guard; demo_guard.remove_leftovers()")

    assert_all_is_gone(furnished, demo)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_told_to_stop_cleans_up_first(
    bare: Machine, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    demo = start_demo(bare, tmp_path / "demo")
    demo.wait_for_text("$ cumulet image import")

    assert demo.send(number) == code

    assert demo.text().endswith("\nStopped. All that the demo made is removed.\n")
    assert "Traceback" not in demo.text()
    assert not demo.folder().exists()
    assert bare.changes() == []
