# SPDX-License-Identifier: Apache-2.0
"""What the tests of judging share: findings in a few words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agent.doctor.finding import Finding


def levels(findings: Iterable[Finding]) -> list[str]:
    """The levels alone, in their order."""
    return [str(finding.level) for finding in findings]


def only(findings: Iterable[Finding]) -> tuple[str, str, str]:
    """Level, what was seen and the fix of the one finding that there must be."""
    (finding,) = findings
    return str(finding.level), finding.seen, finding.fix


def put(root: Path, path: str, text: str = "") -> Path:
    """Write a file of a host that is a folder."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file
