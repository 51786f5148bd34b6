# SPDX-License-Identifier: Apache-2.0
"""What every suite shares: golden files, and the option that rewrites them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


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
    """Draw the seed once: the workers get it with the options."""
    if config.option.kill_seed is None:
        config.option.kill_seed = random.randrange(10**6)


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
