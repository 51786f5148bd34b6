# SPDX-License-Identifier: Apache-2.0
"""The database itself: its file, its versions, its transactions, and what importing it costs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, update
from sqlalchemy.schema import CreateTable

from agent.errors import Conflict, HostFailed, HostUnavailable, NotFound
from agent.model.states import VmState
from agent.store import Store, migrate
from agent.store.migrations import HEAD, REVISIONS
from agent.store.migrations.versions import v0001_first
from agent.store.schema import metadata, servers
from tests.unit.store.makers import build, later


@contextmanager
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def test_the_file_and_its_companions_are_the_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "cumulet.db"

    with loose_umask():
        migrate.upgrade(path)
        store = Store.open(path)
        build(store)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        store.close()

    assert modes == {"cumulet.db": 0o600, "cumulet.db-wal": 0o600, "cumulet.db-shm": 0o600}


def test_an_open_file_is_made_private_again(tmp_path: Path) -> None:
    path = tmp_path / "cumulet.db"
    path.touch(0o644)

    migrate.upgrade(path)

    assert path.stat().st_mode & 0o777 == 0o600


def test_connections_are_durable_and_checked(store: Store) -> None:
    with store.db.read() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10000,
    }


def test_a_missing_database_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "cumulet.db"

    with pytest.raises(
        NotFound, match=r"There is no database at .*cumulet\.db: run `cumulet init`"
    ):
        Store.open(path)

    assert not path.exists()


def test_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "cumulet.db"
    path.touch()

    with pytest.raises(Conflict, match=r"^The database is empty: run `cumulet init`\.$"):
        Store.open(path)


def test_a_newer_database_is_left_alone(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "cumulet.db"
    path.write_bytes(migrated.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(Conflict, match="version 9999, which this program"):
        Store.open(path)
    with pytest.raises(Conflict, match="version 9999, which this program"):
        migrate.upgrade(path)


@pytest.mark.parametrize("open_it", [Store.open, migrate.upgrade])
@pytest.mark.parametrize("damage", [slice(0, 4096), slice(4000, 100_000)], ids=["head", "tables"])
def test_a_damaged_database_is_told_in_a_sentence(
    migrated: Path, tmp_path: Path, damage: slice, open_it: Callable[[Path], object]
) -> None:
    path = tmp_path / "cumulet.db"
    content = bytearray(migrated.read_bytes())
    content[damage] = b"x" * len(content[damage])
    path.write_bytes(content)

    with pytest.raises(HostFailed, match=r"cumulet\.db is damaged: [a-z ]+\. Put a copy"):
        open_it(path)


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(store: Store, tmp_path: Path) -> None:
    server = build(store)

    migrate.upgrade(tmp_path / "cumulet.db")

    assert store.servers.get(server.id, project_id=None) == server


def test_a_url_is_as_good_as_a_path(tmp_path: Path) -> None:
    migrate.upgrade(f"sqlite:///{tmp_path}/per%20cent.db")

    Store.open(f"sqlite:///{tmp_path}/per%20cent.db").close()


def test_the_known_revisions_are_alembics() -> None:
    config = Config()
    config.set_main_option("script_location", "agent.store:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    assert scripts.get_current_head() == HEAD
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert [int(revision) for revision in REVISIONS] == list(range(1, len(REVISIONS) + 1))


def test_the_migrations_make_the_schema(store: Store) -> None:
    with store.db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_schema_is_one_that_postgresql_takes() -> None:
    dialect = make_url("postgresql+psycopg://").get_dialect()()

    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))


def test_postgresql_gets_the_same_rule_of_one_open_task() -> None:
    statements = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": statements}
    )
    with Operations.context(context):
        v0001_first.upgrade()

    assert (
        "CREATE UNIQUE INDEX uq_tasks_open ON tasks (server_id) WHERE finished_at IS NULL;"
        in statements.getvalue()
    )


def test_readers_go_on_while_a_writer_holds_its_transaction(store: Store) -> None:
    server = build(store)

    with store.db.write() as connection:
        connection.execute(update(servers).values(vm_state=VmState.ERROR.value))
        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(lambda _: store.tasks.get_server(server.id).vm_state, range(8)))

    assert seen == [VmState.BUILDING] * 8
    assert store.tasks.get_server(server.id).vm_state is VmState.ERROR


def test_a_reader_sees_one_moment(store: Store) -> None:
    build(store)

    with store.db.read() as connection:
        before = connection.execute(servers.select()).all()
        build(store)
        assert connection.execute(servers.select()).all() == before


def test_a_writer_waits_for_the_one_before(store: Store) -> None:
    holding, order = threading.Event(), []

    def second() -> None:
        holding.wait(5)
        with store.db.write():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with store.db.write():
        holding.set()
        order.append("first")
    thread.join(5)

    assert order == ["first", "second"]


def test_an_exception_rolls_back_and_gives_the_turn_on(store: Store) -> None:
    server = build(store)

    def change_and_fail() -> None:
        with store.db.write() as connection:
            connection.execute(update(servers).values(name="changed"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        change_and_fail()

    assert store.tasks.get_server(server.id).name == "web"
    assert store.tasks.postpone_deadline(1, 1)


def test_another_process_that_holds_the_lock_makes_it_unavailable(
    store: Store, tmp_path: Path
) -> None:
    build(store)
    with store.db.read() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")

    with closing(sqlite3.connect(tmp_path / "cumulet.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HostUnavailable, match="database is locked"):
            store.tasks.postpone_deadline(1, 1)
        other.execute("ROLLBACK")

    assert store.tasks.postpone_deadline(1, 1)


def test_many_threads_read_and_write_at_once(store: Store) -> None:
    def work(number: int) -> int:
        server = build(store)
        store.tasks.add_event(server.id, str(number), later(number))
        return len(store.servers.list_events(server.id))

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(work, range(48))) == [1] * 48


def test_what_was_committed_is_there_after_opening_again(store: Store, tmp_path: Path) -> None:
    server = build(store)
    store.close()

    again = Store.open(tmp_path / "cumulet.db")

    assert again.tasks.get_server(server.id) == server
    assert len(again.tasks.list_open_tasks()) == 1
    again.close()


def test_opening_imports_no_alembic_no_orm_and_no_other_dialect(migrated: Path) -> None:
    code = (
        "import sys; from agent.store import Store, migrate; migrate.upgrade(sys.argv[1]); "
        "Store.open(sys.argv[1]).close(); "
        "print({'alembic', 'sqlalchemy.orm', 'mako', 'sqlalchemy.dialects.postgresql'} "
        "& set(sys.modules))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code, str(migrated)], capture_output=True, text=True, check=True
    )

    assert ran.stdout == "set()\n"
