# SPDX-License-Identifier: Apache-2.0
"""A real SQLite file for each test, copied from one that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store import Store, migrate


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "migrated.db"
    migrate.upgrade(path)
    return path


@pytest.fixture
def store(migrated: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "cumulet.db"
    shutil.copyfile(migrated, path)
    store = Store.open(path)
    yield store
    store.close()


@pytest.fixture
def elsewhere(store: Store) -> Iterator[Store]:
    """The same database, opened by another process."""
    other = Store.open(Path(store.db.engine.url.database or ""))
    yield other
    other.close()
