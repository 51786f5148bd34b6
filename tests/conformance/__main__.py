# SPDX-License-Identifier: Apache-2.0
"""`make conformance`: start a cloud, let tempest judge it, say and keep what came of it.

    TESTS=regex   only the tests whose name it finds
    FAILED=1      only those that failed last time
    MICROVERSION=2.96   of the Compute API, none below this version; else each test at its own

Without TESTS and FAILED it writes `result.txt`, or `result-2.96.txt`, which are committed. It exits
with 1 when a test failed, when tempest skipped one without a reason in `skips.yaml`, and, of all
tests at their own versions, when an entry of that file or of `variants.py` matches nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent import __version__
from tests.conformance import WORK
from tests.conformance.cloud import JudgedCloud, cloud_for
from tests.conformance.outcomes import Report, Result, judge
from tests.conformance.records import FAILURES, keep, read_failed, render_result, result_path
from tests.conformance.runs import run_tests
from tests.conformance.selection import COMPUTE, DEFAULT, Skips, Test, choose, choose_again
from tests.conformance.tempest import Tempest
from tests.conformance.variants import dead_variants
from tests.lab.commands import CommandError, run
from tests.lab.telling import step

FAILURES_TO_START = (CommandError, OSError, RuntimeError, ValueError)


def main() -> int:
    """Run what is asked for; 0 when all is well."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        with _alone():
            wanted = (os.environ.get(name, "") for name in ("TESTS", "FAILED", "MICROVERSION"))
            return _conformance(*wanted)
    except KeyboardInterrupt:
        print("\nStopped. Nothing is left running.")
        return 130
    except FAILURES_TO_START as error:
        print(f"\n{error}")
        return 2


def _conformance(pattern: str, again: str, lowest: str) -> int:
    began = time.monotonic()
    skips = Skips.read().above(lowest)
    tempest = Tempest(WORK / "venv", WORK / "tempest")
    with cloud_for(tempest, WORK / "cloud", lowest) as cloud:
        with step(f"Asking tempest {tempest.version()} for its tests"):
            every = tempest.list_tests()
        default = COMPUTE if lowest else DEFAULT
        chosen = choose_again(every, read_failed()) if again else choose(every, pattern or default)
        if not chosen and not again:
            raise ValueError(f"No test's name has {pattern}.")
        to_run = [test for test in chosen if skips.reason_to_leave_out(test.name) is None]
        left_out = len(chosen) - len(to_run)
        print(f"{len(chosen)} tests, {left_out} of them left out by skips.yaml.\n")
        reports = _run(tempest, cloud, to_run)
        (WORK / "serve.log").write_bytes(cloud.live.log.read_bytes())
    result = judge(chosen, reports, skips)
    keep(result, reports)
    dead: list[str] = []
    if not again and not pattern:
        text = render_result(result, _versions(tempest), datetime.now(UTC).date())
        result_path(lowest).write_text(text)
        dead = [] if lowest else _dead(chosen, result, skips)
    return _tell(result, dead, time.monotonic() - began)


def _run(tempest: Tempest, cloud: JudgedCloud, tests: Sequence[Test]) -> list[Report]:
    """Run the tests, with a line for each as it ends."""
    reports = []
    done = 0
    for report in run_tests(tempest, cloud, tests):
        reports.append(report)
        done += not report.is_of_class
        name = re.sub(r"\[.*?\]|tempest\.api\.", "", report.id)
        print(f"{done:>4}/{len(tests)} {report.verdict.value:<8} {name}", flush=True)
    return reports


def _tell(result: Result, dead: Sequence[str], took_s: float) -> int:
    """Say what came of it, the counts last, and give the exit code."""
    print()
    for name in result.failed:
        print(f"failed: {name}")
    for name, reason in result.stray.items():
        print(f"skipped by tempest, and skips.yaml has no reason: {name}: {reason}")
    for entry in dead:
        print(f"An entry matches nothing: {entry}")
    if result.failed:
        print(f"\nWhat was asked and answered is in {FAILURES}.")
        print("`make conformance FAILED=1` runs these again.")
    print(f"\nTook {took_s:.0f} s.")
    print(result.counts)
    return 1 if result.failed or result.stray or dead else 0


def _dead(chosen: Sequence[Test], result: Result, skips: Skips) -> list[str]:
    """The entries of our files that match nothing, behind their file."""
    names = [test.name for test in chosen]
    return [
        *(f"skips.yaml: {pattern}" for pattern in skips.dead(names, result.said)),
        *(f"variants.py: {pattern}" for pattern in dead_variants(chosen)),
    ]


def _versions(tempest: Tempest) -> dict[str, str]:
    return {
        "tempest": tempest.version(),
        "cumulet": __version__,
        "libvirt": run(["libvirtd", "--version"]).stdout.split()[-1],
        "python": platform.python_version(),
    }


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep a second run in the same checkout out: they would share a folder."""
    WORK.mkdir(exist_ok=True)
    with Path(WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError("Another `make conformance` is running here.") from None
        yield


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    sys.exit(main())
