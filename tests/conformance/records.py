# SPDX-License-Identifier: Apache-2.0
"""What a run leaves to be read: `result*.txt`, which are committed, and the failures in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import groupby
from pathlib import Path

from tests.conformance import FOLDER, WORK
from tests.conformance.outcomes import Report, Result, Verdict

FAILED = WORK / "failed.txt"
FAILURES = WORK / "failures.txt"

HEAD = "# The last whole run of `make conformance`, which writes this file.\n"


def result_path(lowest: str = "") -> Path:
    """Where a whole run is kept: of tests at their own versions, or of none below `lowest`."""
    return FOLDER / (f"result-{lowest}.txt" if lowest else "result.txt")


def render_result(result: Result, versions: Mapping[str, str], day: date) -> str:
    """A whole run, as it is committed: skips below their reason."""
    lines = [HEAD, f"date: {day.isoformat()}\n"]
    lines += [f"{name}: {version}\n" for name, version in versions.items()]
    lines += [f"result: {result.counts}\n"]
    if result.failed:
        lines += ["\nfailed:\n", *(f"  {name}\n" for name in sorted(result.failed))]
    by_reason = sorted((reason, name) for name, reason in result.skipped.items())
    for reason, pairs in groupby(by_reason, key=lambda pair: pair[0]):
        lines += [f"\nskipped: {reason}\n", *(f"  {name}\n" for _, name in pairs)]
    return "".join(lines)


def read_failed() -> list[str]:
    """The names that failed last time; none when nothing did, or nothing was run."""
    return FAILED.read_text().split() if FAILED.exists() else []


def keep(result: Result, reports: Iterable[Report]) -> None:
    """Keep what failed: the names for the next run, and all that tempest said of it, to read."""
    FAILED.write_text("".join(f"{name}\n" for name in result.failed))
    failures = (report for report in reports if report.verdict is Verdict.FAILED)
    FAILURES.write_text("\n".join(f"{'=' * 100}\n{x.id}\n\n{x.details}" for x in failures))
