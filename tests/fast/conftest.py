# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fast suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fast.smallcloud import SmallCloud, build_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that is set up and has an image: made once, copied by each test."""
    return build_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def cloud(template: Path, tmp_path: Path) -> Iterator[SmallCloud]:
    """A cloud of the test's own, with nothing in it but an image."""
    small = SmallCloud.open(template, tmp_path)
    yield small
    small.close()
