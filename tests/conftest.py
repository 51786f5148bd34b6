# SPDX-License-Identifier: Apache-2.0
"""What every suite shares: golden files, the options, and the count of the crash matrix."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"

MATRIX = {
    "fast": "tests/fast/test_crash_",
    "kill -9": "tests/real/test_kill9.py",
}
"""How the ids of the crash matrix's cases begin, by the suite that they are counted in."""

HOSTILE = "tests/fast/test_hostile_images.py::test_a_hostile_image"
"""How the ids of the corpus of hostile images begin."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate",
        action="store_true",
        help="rewrite the golden files from what the code gives now; git shows the difference",
    )
    parser.addoption(
        "--kill-seed",
        type=int,
        help="which sample of the crash matrix is killed by 9; the seed of a run is printed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed, once a run: a worker is told it."""
    if config.option.kill_seed is None:
        told: dict[str, int] = getattr(config, "workerinput", {})
        config.option.kill_seed = told.get("kill_seed", random.randrange(10**6))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker the seed: all must draw the same."""
    node.workerinput["kill_seed"] = node.config.option.kill_seed


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many cases of the crash matrix and of hostile images ran, and whether all passed."""
    ran, bad = _outcomes(terminalreporter, HOSTILE)
    if ran:
        verdict = f"{bad} NOT refused and NOT harmless" if bad else "all refused or harmless"
        terminalreporter.write_line(f"hostile images: {ran} cases, {verdict}")
    counts = [text for suite in MATRIX if (text := _count(terminalreporter, suite))]
    if any(text.startswith("kill -9") for text in counts):
        counts.append(f"seed {config.option.kill_seed}")
    if counts:
        terminalreporter.write_line(f"crash matrix: {', '.join(counts)}")


def _count(terminalreporter: pytest.TerminalReporter, suite: str) -> str:
    """Count a suite's cases; nothing when none ran."""
    ran, bad = _outcomes(terminalreporter, MATRIX[suite])
    verdict = f"{bad} did NOT converge" if bad else "all converged"
    return f"{suite} {ran} cases, {verdict}" if ran else ""


def _outcomes(terminalreporter: pytest.TerminalReporter, start: str) -> tuple[int, int]:
    """How many cases ran, and how many went wrong. A case is a test with parameters."""
    outcomes = {
        report.nodeid: category
        for category in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(category, ())
        if report.nodeid.startswith(start) and "[" in report.nodeid
    }
    return len(outcomes), sum(category != "passed" for category in outcomes.values())


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Assert that a text equals the golden file of this name, or rewrite the file."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--regenerate"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == path.read_text()

    return check
