# SPDX-License-Identifier: Apache-2.0
"""Every command of the README is run as written, and what it prints is what the README shows.

The machine is a private host's namespaces whose /etc and /var/lib are its own: so the default paths
and `qemu:///system` can be used, and are gone with it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.private_host import PrivateHost
from tests.lab.snapshot import SYSTEM_SOCKETS
from tests.lab.waiting import wait_for
from tests.readme import ELSEWHERE, HOSTS, ROOT, UNTRIED, read_commands

pytestmark = pytest.mark.real

COMMAND_TIMEOUT_S = 180.0
HEALTH = "http://127.0.0.1:8774/healthz"
IGNORED = shutil.ignore_patterns(".git", ".venv", ".conformance", ".*_cache", "__pycache__")

OWN_FOLDERS = f"""
import pathlib, subprocess, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.lab.private_init import make_room
for path in (pathlib.Path("/etc/cumulet"), pathlib.Path("/var/lib/cumulet")):
    if path.exists():
        make_room(path.with_name("cumulet-readme"))
        subprocess.run(["umount", path], check=True)
    else:
        make_room(path)
    path.rmdir()
"""
"""Makes /etc and /var/lib private in a mount namespace, with nothing of ours in them."""

CHANGING = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"━+ .+ MB .+/s$", "PROGRESS"),
    (r"^password  \S{24}  ", "PASSWORD "),
)
"""What differs from run to run."""


@dataclass(slots=True)
class Terminal:
    """A shell that a reader types into."""

    host: PrivateHost
    shell: subprocess.Popen[bytes]
    screen: Path

    def type(self, command: str) -> str:
        """Run a command and give what it printed; it must succeed."""
        assert self.shell.stdin is not None
        begin = self.screen.stat().st_size
        self.shell.stdin.write(f'{command}\necho "[code $?]"\n'.encode())
        self.shell.stdin.flush()
        found = wait_for(
            lambda: re.search(r"^\[code (\d+)\]$", self._text(begin), re.MULTILINE),
            timeout_s=COMMAND_TIMEOUT_S,
            what=f"the end of: {command}",
        )
        output = self._text(begin)[: found.start()]
        assert found[1] == "0", f"{command}\n{output}"
        return output

    def _text(self, begin: int) -> str:
        return self.screen.read_bytes()[begin:].decode()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A shell in a clone on a machine of its own, the commands of `make setup` on its path."""
    with PrivateHost.start() as host:
        for suffix in ("", "-ro"):
            link = f"{SYSTEM_SOCKETS[0]}{suffix}"
            host.inside(["ln", "-s", f"{host.socket}{suffix}", link])
        host.inside([sys.executable, "-c", OWN_FOLDERS])
        clone = host.folder / "clone"
        shutil.copytree(ROOT, clone, ignore=IGNORED)
        (clone / ".venv").symlink_to(sys.prefix)
        screen = host.folder / "screen"
        argv = ["env", f"--chdir={clone}", "bash", "--norc"]
        others = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        environment = {**others, "NO_PROXY": "127.0.0.1", "COLUMNS": "120"}
        shell = host.spawn(argv, output=screen, env=environment, stdin=subprocess.PIPE)
        terminal = Terminal(host, shell, screen)
        try:
            terminal.type('export PATH="$PWD/.venv/bin:$PATH"')
            terminal.type("python -m tests.lab.tiny_guest --out tiny.qcow2")
            yield terminal
        finally:
            shell.kill()
            shell.communicate()


def is_serving(host: PrivateHost) -> bool:
    """Say whether `cumulet serve` answers."""
    ask = f"import urllib.request as r; r.urlopen({HEALTH!r})"
    return host.inside([sys.executable, "-c", ask], check=False).returncode == 0


def comparable(output: str) -> list[str]:
    """The words of each line, but for what differs from run to run."""
    for pattern, word in CHANGING:
        output = re.sub(pattern, word, output, flags=re.MULTILINE)
    return [" ".join(line.split()) for line in output.splitlines() if line.strip()]


def test_every_command_works_as_written(terminal: Terminal) -> None:
    others = {*ELSEWHERE, *HOSTS, *UNTRIED}
    commands = [each for each in read_commands() if each.text not in others]

    for command in commands:
        output = terminal.type(command.text)
        if command.text.endswith("&"):
            wait_for(
                lambda: is_serving(terminal.host), timeout_s=30, what="an answer from the cloud"
            )
        if command.output:
            assert comparable(output) == comparable(command.output), command.text

    assert len(commands) > 10
