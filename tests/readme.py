# SPDX-License-Identifier: Apache-2.0
"""Reads the README: its sections, and the commands of its console sessions with their output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

ELSEWHERE = {
    "make demo": (
        "tests/real/test_demo.py",
        "def test_the_demo_comes_true_on_a_machine_without_libvirt",
    ),
    "etc/provision": ("vagrant/provision.sh", "exec /cumulet/etc/provision --listen"),
    "make setup": ("Makefile", "\ntools: setup"),
    "make test": (".ci/run", "exec make test"),
    "make wheel": ("tests/lab/wheel.py", '"wheel"], cwd=clone'),
}
"""Commands that the README's test does not run: the file, and the text in it, that does."""

HOSTS = ("etc/provision --wheel dist/cumulet-*.whl", "etc/provision --remove")
"""Commands that `tests/real/test_provision.py` runs, on a bare machine."""

OF_VAGRANT = {
    "cd vagrant && vagrant up": "a box can't be downloaded by a test, and KVM may be missing",
    "vagrant ssh -c 'sudo cat /var/lib/cumulet/clouds.yaml' > clouds.yaml": "it needs the machine",
    "OS_CLOUD=cumulet openstack flavor list": "it needs the machine",
}
"""Commands for Vagrant that no test runs, with the reason: `tests/test_vagrant.py` checks what they
rest on."""

UNTRIED = {
    **OF_VAGRANT,
    "make conformance": "it takes minutes; its last result is committed",
    "make conformance TESTS=test_images_member": "as above",
    "make conformance FAILED=1": "as above",
    "make conformance MICROVERSION=2.96": "as above",
}
"""Commands that no test runs, with the reason."""

HERE = "<<'EOF'"


@dataclass(frozen=True, slots=True)
class Command:
    """What a reader types (a line, with its here-document), and what the README says it prints."""

    text: str
    output: str


def read_sections() -> dict[str, str]:
    """The text below each heading of the second level, in the README's order."""
    _, *parts = re.split(r"^## (.+)\n", README.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def read_commands() -> list[Command]:
    """All commands of the console sessions, in the README's order."""
    commands = []
    for block in re.findall(r"^```console\n(.*?)^```$", README.read_text(), re.DOTALL | re.M):
        before, *typed = re.split(r"^\$ ", block, flags=re.MULTILINE)
        assert before == "", f"a console session begins with a command, not with {before!r}"
        for part in typed:
            line, _, output = part.replace("\\\n", "").partition("\n")
            text = " ".join(line.split())
            if text.endswith(HERE):
                document, end, output = output.partition("\nEOF\n")
                text += f"\n{document}{end}".rstrip("\n")
            commands.append(Command(text, output))
    return commands
