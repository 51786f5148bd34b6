# SPDX-License-Identifier: Apache-2.0
"""/os-migrations: resizes, at each version; and the live migrations of a server: none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import At
from tests.fast.smallcloud import SmallCloud

MIGRATIONS = "/os-migrations"
FIELDS = {
    *("id", "instance_uuid", "status", "source_compute", "source_node", "dest_compute"),
    *("dest_host", "dest_node", "old_instance_type_id", "new_instance_type_id"),
    *("created_at", "updated_at"),
}
OWNED = FIELDS | {"migration_type", "uuid", "user_id", "project_id"}


@pytest.fixture
def at(at: At) -> At:
    """Administrators, where nobody else is named."""
    return lambda version, who="admin": at(version, who)


def resize(cloud: SmallCloud) -> str:
    server = cloud.made(cloud.create(), "stopped")
    cloud.clock.advance(60)
    cloud.act(server, "resize")
    cloud.work()
    return server


def migrations(at: At, version: str, query: str = "") -> list[dict[str, Any]]:
    return list(at(version).get(f"{MIGRATIONS}{query}")["migrations"])


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("2.1", FIELDS),
        ("2.22", FIELDS),
        ("2.23", FIELDS | {"migration_type"}),
        ("2.58", FIELDS | {"migration_type"}),
        ("2.59", FIELDS | {"migration_type", "uuid"}),
        ("2.79", FIELDS | {"migration_type", "uuid"}),
        ("2.80", OWNED),
        ("2.96", OWNED),
    ],
)
def test_a_resize_is_a_migration_with_the_fields_of_the_version(
    cloud: SmallCloud, at: At, version: str, fields: set[str]
) -> None:
    server = resize(cloud)

    (migration,) = migrations(at, version)

    host = cloud.server(server).host
    assert migration.keys() == fields
    assert (migration["instance_uuid"], migration["status"]) == (server, "finished")
    assert {migration[key] for key in ("source_compute", "dest_compute")} == {host}
    assert (migration["old_instance_type_id"], migration["new_instance_type_id"]) == (1, 2)
    assert migration.get("migration_type", "resize") == "resize"
    assert at(version, "lab").ask("GET", MIGRATIONS).status_code == 403


def test_a_migration_ends_as_its_resize(cloud: SmallCloud, at: At) -> None:
    server = resize(cloud)
    cloud.act(server, "confirmResize")
    cloud.work()

    assert [each["status"] for each in migrations(at, "2.1")] == ["confirmed"]
    assert migrations(at, "2.1", "?status=confirmed") == migrations(at, "2.1")
    assert migrations(at, "2.1", "?status=finished") == []
    assert migrations(at, "2.80", f"?instance_uuid={server}&migration_type=resize")
    assert migrations(at, "2.80", "?project_id=nobody") == []
    assert migrations(at, "2.1", "?host=elsewhere") == []


def test_from_2_59_there_are_pages_the_newest_first(cloud: SmallCloud, at: At) -> None:
    servers = [resize(cloud) for _ in range(3)]

    old = [each["instance_uuid"] for each in migrations(at, "2.58")]
    first = at("2.59").get(f"{MIGRATIONS}?limit=2")
    (link,) = first["migrations_links"]
    second = at("2.59").get(link["href"].partition("/v2.1")[2])

    assert old == servers
    pages = [first["migrations"], second["migrations"]]
    assert [each["instance_uuid"] for page in pages for each in page] == servers[::-1]
    assert "migrations_links" not in second
    newest = first["migrations"][0]["updated_at"]
    since = migrations(at, "2.59", f"?changes-since={newest}Z")
    assert [each["instance_uuid"] for each in since] == servers[2:]
    before = migrations(at, "2.66", f"?changes-before={newest}Z")
    assert [each["instance_uuid"] for each in before] == servers[::-1]


@pytest.mark.parametrize(
    ("version", "query", "code"),
    [
        ("2.58", "?unknown=1", 200),
        ("2.58", "?changes-since=yesterday", 200),
        ("2.59", "?unknown=1", 400),
        ("2.59", "?changes-since=yesterday", 400),
        ("2.59", "?changes-before=2026-01-01T00:00:00Z", 400),
        ("2.59", "?marker=nothing", 400),
        ("2.59", "?limit=-1", 400),
        ("2.66", "?changes-before=2026-01-01T00:00:00Z", 200),
        ("2.66", "?changes-since=2026-01-02&changes-before=2026-01-01", 400),
        ("2.79", "?project_id=x", 400),
        ("2.80", "?project_id=x&user_id=y", 200),
    ],
)
def test_each_version_takes_its_query(at: At, version: str, query: str, code: int) -> None:
    assert at(version).ask("GET", f"{MIGRATIONS}{query}").status_code == code


def test_no_live_migration_is_in_progress(cloud: SmallCloud, at: At) -> None:
    path = f"/servers/{cloud.create()}/migrations"

    assert at("2.23").get(path) == {"migrations": []}
    assert at("2.22").ask("GET", path).status_code == 404
    assert at("2.96").ask("GET", f"{path}/1").status_code == 404
    assert at("2.96", "lab").ask("GET", path).status_code == 403
