# SPDX-License-Identifier: Apache-2.0
"""A database of an older version is brought up to date and loses nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from agent.errors import Conflict
from agent.store import Database, Store, migrate

TIME = "2026-03-01T12:00:00.123456+00:00"
FLAVOR = (
    '{"id": "1", "name": "m1.tiny", "vcpus": 1, "ram_mb": 512, "disk_gb": 1, "is_public": true,'
    ' "description": null, "extra_specs": {}}'
)

VERSION_1: dict[str, Sequence[Any]] = {
    "settings": ("boot_id", "of a day"),
    "projects": ("blue", "blue", 1, "the blue one"),
    "users": ("ann", "ann", "scrypt$1", 1, "blue"),
    "roles": ("member", "member"),
    "role_assignments": ("ann", "blue", "member"),
    "tokens": ("ab12", "audit", "ann", "blue", '["password"]', TIME, TIME),
    "flavors": ("1", "m1.tiny", 1, 512, 1, 1, None, "{}"),
    "images": (
        *("image", "cirros", "blue", "active", "private", TIME, TIME, "qcow2", "bare"),
        *(
            5_000_000_000,
            2**30,
            "md5",
            "sha512",
            "sha",
            0,
            0,
            0,
            0,
            '["a"]',
            '{"os_type": "linux"}',
        ),
    ),
    "networks": ("net", "lab", "admin", 1, "cumulet", "cumulet0", "nat", 1500, TIME),
    "subnets": (
        *("subnet", "net", "lab", "10.70.0.0/24", "10.70.0.1", "10.70.0.2", "10.70.0.254"),
        *('["10.70.0.1"]', TIME),
    ),
    "resting_addresses": ("subnet", "10.70.0.9", TIME),
    "servers": (
        *("server", "blue", "ann", "web", "web", "1", FLAVOR, 1, 512, "image", "active", None, 1),
        *(100, "host", '{"role": "web"}', "{}", None, "IyEv", "mine", "ssh-rsa AAAA", "1.2.3.4"),
        *("", "MANUAL", 1, "nova", None, TIME, TIME, TIME, None, None),
    ),
    "ports": (
        *("port", "net", "subnet", "blue", "server", 0, "", "52:54:00:00:00:01", "10.70.0.2", TIME),
    ),
    "tasks": (7, "req-1", "server", "create", "ann", "blue", "{}", TIME, TIME, TIME, None),
    "task_steps": (7, 0, "place", TIME, "{}", None),
    "server_events": (3, "server", TIME, "started"),
}
"""A row of each table that the first version had."""


NEW_OF_SERVERS = {
    "locked_by": None,
    "locked_reason": None,
    "description": None,
    "reservation_id": "",
    "launch_index": 0,
    "pinned_zone": None,
    "requested_host": None,
    "old_flavor": None,
    "old_vm_state": None,
    "rescue": None,
    "shelved_image_id": None,
    "shelved_at": None,
}
"""What later versions know of a server."""


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A database of the first version, with a row in each table."""
    path = tmp_path / "cumulet.db"
    path.touch()
    config = Config()
    config.set_main_option("script_location", "agent.store:migrations")
    config.set_main_option("path_separator", "os")
    db = Database.open(path, foreign_keys=False)
    with db.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, row in VERSION_1.items():
            marks = ", ".join("?" * len(row))
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({marks})", tuple(row))
    db.close()
    return path


def rows_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            for (name,) in tables
        }


def test_there_is_a_row_in_each_table(first: Path) -> None:
    assert {len(rows) for rows in rows_of(first).values()} == {1}
    assert rows_of(first).keys() - VERSION_1.keys() == {"alembic_version"}


def test_an_older_database_is_refused_and_says_what_to_do(first: Path) -> None:
    with pytest.raises(Conflict, match="older version 0001, this program wants 0016: run `cumulet"):
        Store.open(first)


MADE = {"description": "", "updated_at": None, "revision": 1, "tags": "[]"}
"""What networks, subnets and ports have more since then."""


def test_the_newest_version_loses_no_row_and_no_column(first: Path) -> None:
    before = rows_of(first)
    (server,), (subnet,) = before["servers"], before["subnets"]
    (project,), (user,), (role,) = before["projects"], before["users"], before["roles"]
    (token,), (flavor,) = before["tokens"], before["flavors"]
    (network,), (port,) = before["networks"], before["ports"]

    migrate.upgrade(first)

    after = rows_of(first)
    groups, rules = after.pop("security_groups"), after.pop("security_group_rules")
    assert [(group["project_id"], group["name"], group["tags"]) for group in groups] == [
        ("blue", "default", "[]")
    ]
    assert {(rule["direction"], rule["ethertype"], rule["protocol"]) for rule in rules} == {
        ("egress", "IPv4", None),
        ("egress", "IPv6", None),
        ("ingress", "IPv4", None),
        ("ingress", "IPv6", None),
    }
    assert {rule["group_id"] for rule in rules} == {group["id"] for group in groups}
    assert after == {
        **before,
        "alembic_version": [{"version_num": "0016"}],
        "floating_ips": [],
        "servers": [{**server, **NEW_OF_SERVERS}],
        "flavors": [{**flavor, "swap_mb": 0, "ephemeral_gb": 0, "rxtx_factor": 1.0}],
        "networks": [{**network, **MADE}],
        "subnets": [{**subnet, "dhcp": 1, **MADE, "has_gateway": 1}],
        "ports": [{**port, **MADE, "is_kept": 0, "tag": None, "own_groups": 0}],
        "projects": [{**project, "tags": "[]"}],
        "users": [{**user, "email": None, "description": None, "extra": "{}"}],
        "roles": [{**role, "description": None}],
        "tokens": [{**token, "parent_audit_id": None, "app_credential_id": None, "of_system": 0}],
        "keypairs": [],
        "injections": [],
        "app_credentials": [],
        "system_assignments": [],
        "image_tasks": [],
        "server_tags": [],
        "image_members": [],
        "server_groups": [],
        "server_group_members": [],
        "placement_hints": [],
        "hosts": [],
        "aggregates": [],
        "aggregate_hosts": [],
        "flavor_access": [],
        "quotas": [],
        "quota_classes": [],
        "port_security_groups": [],
    }


def test_a_server_of_the_first_version_is_whole_in_the_newest(first: Path) -> None:
    migrate.upgrade(first)

    store = Store.open(first)
    server = store.servers.get("server", project_id="blue")
    (task,) = store.servers.list_tasks("server")
    store.close()

    assert (server.key_name, server.metadata, server.locked_by) == ("mine", {"role": "web"}, None)
    assert [(nic.ip, nic.network.dhcp) for nic in server.nics] == [("10.70.0.2", True)]
    assert [step.name for step in task.steps] == ["place"]
