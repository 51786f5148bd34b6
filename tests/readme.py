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
        "def test_the_demo_comes_true_twice_on_a_machine_without_libvirt",
    ),
    "make setup": ("Makefile", "\ncheck: setup"),
    "make test": (".ci/run", "exec make test"),
}
"""Commands that the README's test does not run: the file, and the text in it, that does."""


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
