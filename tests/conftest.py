# SPDX-License-Identifier: Apache-2.0
"""What every suite shares: golden files, the options, and the counts of the matrices."""

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


COUNTED = {
    "routes by callers": "tests/fast/api/test_tenants.py",
    "hostile images": "tests/fast/test_hostile_images.py::test_a_hostile_image",
}
"""Other suites whose cases are counted, by what they are called."""


LONGEST_FIRST = (
    "test_full_injection.py",
    "test_tempest.py",
    "test_full_guest.py",
    "test_demo.py",
    "test_provision.py",
    "test_servers.py",
    "test_compute_client.py",
    "test_kill9.py",
    "test_openstack_cli.py",
    "test_identity_client.py",
    "test_image_client.py",
)
"""Files with real guests or clients, by how long they take, if that is more than a minute."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate",
        action="store_true",
        help="rewrite the golden files from what the code gives now; git shows the difference",
    )
    parser.addoption(
        "--faults",
        action="store_true",
        help="the whole of the crash matrix, also what differs little: see `make faults`",
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `--faults` asks for, and let the longest files begin first.

    A worker takes the next file when it is done with one.
    """
    if not config.getoption("--faults"):
        items[:] = [item for item in items if item.get_closest_marker("faults") is None]
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many cases of each matrix ran, and whether all were right."""
    for suite, where in COUNTED.items():
        if counted := _count(terminalreporter, suite, where, "right"):
            terminalreporter.write_line(counted)
    converging = [_count(terminalreporter, *suite, "converged") for suite in MATRIX.items()]
    counts = [text for text in converging if text]
    if any(text.startswith("kill -9") for text in counts):
        counts.append(f"seed {config.option.kill_seed}")
    if counts:
        terminalreporter.write_line(f"crash matrix: {', '.join(counts)}")


def _count(terminalreporter: pytest.TerminalReporter, suite: str, where: str, good: str) -> str:
    """Count a suite's cases; nothing when none ran. A case is a test with parameters."""
    outcomes = {
        report.nodeid: category
        for category in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(category, ())
        if report.nodeid.startswith(where) and "[" in report.nodeid
    }
    bad = sum(category != "passed" for category in outcomes.values())
    verdict = f"{bad} NOT {good}" if bad else f"all {good}"
    return f"{suite} {len(outcomes)} cases, {verdict}" if outcomes else ""


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
