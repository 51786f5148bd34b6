# SPDX-License-Identifier: Apache-2.0
"""The bodies of rebuild, resize and what takes a server elsewhere, by version. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.compute.metadata_parse import parse_metadata
from agent.api.compute.personality_parse import parse_personality
from agent.api.compute.server_parse import (
    check_certificates,
    parse_image_id,
    parse_update,
    parse_user_data,
)
from agent.api.compute.server_schemas import DISK_CONFIG, TEXT
from agent.api.microversion import Microversion
from agent.api.parse import BOOLEAN, parse_boolean
from agent.api.schemas import body_of, closed
from agent.errors import BadRequest
from agent.model.record import RecordChange, check_metadata_count
from agent.rebuilding import RebuildServer

_HOST = {"type": ["string", "null"], "minLength": 1, "maxLength": 255}


_RESIZE: dict[str, Any] = {
    "flavorRef": {"type": ["string", "integer"], "minLength": 1},
    "OS-DCF:diskConfig": DISK_CONFIG,
}
RESIZE = body_of("resize", closed(_RESIZE, ["flavorRef"]))


@cache
def migrate_schema(version: Microversion) -> Draft202012Validator:
    """The schema of a cold migration's body at a version: from 2.56 on it may name a host."""
    if not version.has(changes.MIGRATION_HOST):
        return body_of("migrate", {})
    return body_of("migrate", {**closed({"host": _HOST}, []), "type": ["object", "null"]})


@cache
def migrate_live_schema(version: Microversion) -> Draft202012Validator:
    """The schema of a live migration's body at a version."""
    block_migration, names = BOOLEAN, ["block_migration", "host"]
    properties: dict[str, Any] = {"host": _HOST}
    if version.has(changes.LIVE_MIGRATION_AUTO):
        block_migration = {"enum": [*BOOLEAN["enum"], "auto"]}
    else:
        properties["disk_over_commit"] = BOOLEAN
        names.append("disk_over_commit")
    if changes.FORCED_LIVE_MIGRATION.holds(version.minor):
        properties["force"] = BOOLEAN
    properties["block_migration"] = block_migration
    return body_of("os-migrateLive", closed(properties, names))


@cache
def evacuate_schema(version: Microversion) -> Draft202012Validator:
    """The schema of an evacuation's body at a version."""
    properties: dict[str, Any] = {"host": {**_HOST, "type": "string"}, "adminPass": TEXT}
    required: list[str] = []
    if not version.has(changes.NO_SHARED_STORAGE):
        properties["onSharedStorage"] = BOOLEAN
        required = ["onSharedStorage"]
    if changes.FORCED_EVACUATION.holds(version.minor):
        properties["force"] = BOOLEAN
    return body_of("evacuate", closed(properties, required))


def parse_rebuild(body: Mapping[str, Any], max_metadata: int) -> RebuildServer:
    """Make a rebuild request of a body that fits the schema; an error names the field."""
    asked = body["rebuild"]
    if parse_boolean("preserve_ephemeral", asked.get("preserve_ephemeral", False)):
        raise BadRequest("preserve_ephemeral: servers of this cloud have no ephemeral disks.")
    check_certificates(asked)
    return RebuildServer(
        image_id=parse_image_id(asked["imageRef"]),
        record=_record(asked, max_metadata),
        key_name=asked.get("key_name"),
        changes_key="key_name" in asked,
        files=parse_personality(asked.get("personality", [])),
        admin_pass=asked.get("adminPass"),
    )


def parse_flavor(body: Mapping[str, Any]) -> str:
    """The id of the flavor that a resize names; a URL that ends in it is as good."""
    return str(body["resize"]["flavorRef"]).rstrip("/").rsplit("/", 1)[-1]


def _record(asked: Mapping[str, Any], max_metadata: int) -> RecordChange:
    """What the request says of the server itself."""
    record = parse_update({"server": asked})
    if "metadata" in asked:
        check_metadata_count(asked["metadata"], max_metadata)
        record["metadata"] = parse_metadata(asked["metadata"])
    if "user_data" in asked:
        record["user_data"] = parse_user_data(asked["user_data"] or "")
    return record
