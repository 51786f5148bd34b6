# SPDX-License-Identifier: Apache-2.0
"""What became of the tests that were to be run. Each of them counts once, whatever happened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tests.conformance.selection import Skips, Test

FIXTURE = re.compile(r"(setUp|tearDown)Class \((.+)\)")
"""How tempest calls what it does for a whole class."""


class Verdict(Enum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


VERDICTS = {
    "success": Verdict.PASSED,
    "skip": Verdict.SKIPPED,
    "xfail": Verdict.FAILED,
    "uxsuccess": Verdict.FAILED,
    "fail": Verdict.FAILED,
}
"""Subunit's words; any other, such as `inprogress` for a test that never ended, is a failure."""


@dataclass(frozen=True, slots=True)
class Report:
    """What tempest said at the end of one test, or of what it does for a whole class."""

    id: str
    status: str
    reason: str = ""  # of a skip
    details: str = ""  # of a failure: the traceback, and what was asked and answered

    @property
    def verdict(self) -> Verdict:
        """How it ended."""
        return VERDICTS.get(self.status, Verdict.FAILED)

    @property
    def is_of_class(self) -> bool:
        """Whether it is of what is done for a whole class."""
        return FIXTURE.fullmatch(self.id) is not None


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run."""

    passed: Sequence[str]
    failed: Sequence[str]  # names of tests, and of classes that could not be torn down
    skipped: Mapping[str, str]  # the reason by name
    said: Mapping[str, str] = field(default_factory=dict)
    """What tempest said of those that it skipped itself, by name."""
    stray: Mapping[str, str] = field(default_factory=dict)
    """What tempest skipped without a reason in our file, and what it says."""

    @property
    def counts(self) -> str:
        """The last line of a run."""
        numbers = len(self.passed), len(self.failed), len(self.skipped)
        return "{} passed, {} failed, {} skipped".format(*numbers)


def judge(tests: Sequence[Test], reports: Iterable[Report], skips: Skips) -> Result:
    """Give every test its verdict: its own, else its class's; none at all is a failure."""
    own: dict[str, Report] = {}
    of_case: dict[str, Report] = {}
    torn: set[str] = set()
    for report in reports:
        match = FIXTURE.fullmatch(report.id)
        if match is None:
            own[Test.parse(report.id).name] = report
        elif match[1] == "setUp":
            of_case[match[2]] = report
        elif report.verdict is Verdict.FAILED:
            torn.add(match[2])
    passed: list[str] = []
    failed: list[str] = sorted(torn)
    skipped: dict[str, str] = {}
    said: dict[str, str] = {}
    stray: dict[str, str] = {}
    for test in tests:
        reason = skips.reason_to_leave_out(test.name)
        if reason is not None:
            skipped[test.name] = reason
            continue
        report = own.get(test.name) or of_case.get(test.case) or Report(test.id, "missing")
        match report.verdict:
            case Verdict.PASSED:
                passed.append(test.name)
            case Verdict.FAILED:
                failed.append(test.name)
            case Verdict.SKIPPED:
                said[test.name] = report.reason
                known = skips.reason_of_tempest(test.name, report.reason)
                skipped[test.name] = known or report.reason
                if known is None:
                    stray[test.name] = report.reason
    return Result(passed, failed, skipped, said, stray)
