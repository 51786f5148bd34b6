# SPDX-License-Identifier: Apache-2.0
"""Puts findings into lines for people and into JSON for programs."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from agent.doctor.finding import Finding, Level

COLOURS = {
    Level.OK: "green",
    Level.NOTE: "blue",
    Level.WARNING: "yellow",
    Level.PROBLEM: "red",
}

LEVEL_WIDTH = max(map(len, Level)) + 2
NARROWEST = 60
UNBROKEN = "\0"  # stands for the spaces of a command, which is to be copied whole


@dataclass(frozen=True, slots=True)
class Line:
    """A line for people: its beginning may be coloured."""

    text: str
    level: Level | None = None  # the word that the line begins with


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing is wrong; warnings are allowed."""
    return not any(finding.level is Level.PROBLEM for finding in findings)


def render_lines(findings: Sequence[Finding], *, width: int | None = None) -> Iterator[Line]:
    """Render each finding, followed by its fix, then what they come to; `width` wraps."""
    names = max((len(finding.check) for finding in findings), default=0) + 2
    indent = " " * (LEVEL_WIDTH + names)
    for finding in findings:
        head = f"{finding.level:{LEVEL_WIDTH}}{finding.check:{names}}"
        first, *rest = _wrap(finding.seen, width, head, indent)
        yield Line(first, finding.level)
        yield from map(Line, rest)
        if finding.fix:
            yield from map(Line, _wrap(finding.fix, width, f"{indent}-> ", f"{indent}   "))
    yield Line("")
    yield Line(summary(findings))


def render_json(
    findings: Sequence[Finding], *, config: str, state_dir: str, mended: Sequence[str]
) -> str:
    """Render all of it as one JSON object."""
    document = {
        "healthy": is_healthy(findings),
        "config": config,
        "state_dir": state_dir,
        "mended": list(mended),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def summary(findings: Sequence[Finding]) -> str:
    """What it all comes to, in one line."""
    problems, warnings = (
        sum(finding.level is level for finding in findings)
        for level in (Level.PROBLEM, Level.WARNING)
    )
    told = [_count(problems, "problem"), _count(warnings, "warning")]
    if problems:
        return f"Something is wrong: {' and '.join(filter(None, told))}."
    if warnings:
        return f"Nothing is wrong; {told[1]}."
    return "All is well."


def _count(number: int, word: str) -> str:
    return "" if number == 0 else f"{number} {word}" if number == 1 else f"{number} {word}s"


def _wrap(text: str, width: int | None, first: str, rest: str) -> list[str]:
    if width is None:
        return [first + text]
    lines = textwrap.wrap(
        re.sub(r"`[^`]+`", lambda command: command[0].replace(" ", UNBROKEN), text),
        max(width, len(rest) + NARROWEST // 2, NARROWEST),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(UNBROKEN, " ") for line in lines]
