# SPDX-License-Identifier: Apache-2.0
"""Some of tempest's tests of Compute, against real guests: `in_ci.txt` names them.

Tempest runs once, for all of them; each has its verdict here. All of tempest's run in
`make conformance`.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.conformance import WORK
from tests.conformance.cloud import cloud_for
from tests.conformance.outcomes import Report, Verdict, judge
from tests.conformance.runs import run_tests
from tests.conformance.selection import Skips, choose_again, read_names
from tests.conformance.tempest import Tempest

pytestmark = pytest.mark.clients

NAMES = read_names()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What became of each of them, by name: that it passed, or all that tempest says of it."""
    folder = tmp_path_factory.mktemp("tempest")
    tempest = Tempest(WORK / "venv", folder / "tempest")
    with cloud_for(tempest, folder / "cloud") as cloud:
        chosen = choose_again(tempest.list_tests(), NAMES)
        reports = list(run_tests(tempest, cloud, chosen))
    result = judge(chosen, reports, Skips.read())
    assert not {*result.failed} - {*NAMES}, _details(reports)
    told = {name: _details(reports) for name in result.failed}
    return {**told, **result.skipped, **dict.fromkeys(result.passed, Verdict.PASSED.value)}


@pytest.mark.parametrize("name", NAMES, ids=[name.rpartition(".")[2] for name in NAMES])
def test_tempests(name: str, said: Mapping[str, str]) -> None:
    assert said.get(name, "tempest has no such test") == Verdict.PASSED.value


def _details(reports: list[Report]) -> str:
    failed = (report for report in reports if report.verdict is Verdict.FAILED)
    return "\n".join(f"{report.id}\n{report.details}" for report in failed)
