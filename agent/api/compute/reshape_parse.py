# SPDX-License-Identifier: Apache-2.0
"""The bodies of rebuild, resize and what takes a server elsewhere, by version. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.compute import server_parse as fields
from agent.api.compute.metadata_parse import METADATA
from agent.api.compute.personality_parse import PERSONALITY, parse_personality
from agent.api.microversion import Microversion
from agent.api.parse import BOOLEAN, parse_boolean
from agent.errors import BadRequest
from agent.model.record import RecordChange
from agent.rebuilding import RebuildServer

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_HOST = {"type": ["string", "null"], "minLength": 1, "maxLength": 255}
_HOSTNAME = {
    "type": "string",
    "minLength": 2,
    "maxLength": 63,
    "pattern": r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+\Z",
    "description": "a host name of letters, digits and hyphens",
}
_FQDN = {
    "type": "string",
    "minLength": 2,
    "maxLength": 255,
    "pattern": r"^[a-zA-Z0-9]+[a-zA-Z0-9.-]*[a-zA-Z0-9]+\Z",
    "description": "a host name, or a whole domain name",
}


def _body(action: str, value: Mapping[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        {
            "type": "object",
            "properties": {action: value},
            "required": [action],
            "additionalProperties": False,
        }
    )


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


RESIZE = _body(
    "resize",
    _object(
        ("flavorRef",),
        **{
            "flavorRef": {"type": ["string", "integer"], "minLength": 1},
            "OS-DCF:diskConfig": {"enum": ["AUTO", "MANUAL"]},
        },
    ),
)


@cache
def rebuild_schema(version: Microversion) -> Draft202012Validator:
    """The schema of a rebuild's body at a version."""
    properties: dict[str, Any] = {
        "name": {"type": "string", "minLength": 1, "maxLength": fields.NAME_CHARACTERS},
        "imageRef": _TEXT,
        "adminPass": _TEXT,
        "metadata": METADATA,
        "preserve_ephemeral": BOOLEAN,
        "OS-DCF:diskConfig": {"enum": ["AUTO", "MANUAL"]},
        "accessIPv4": _TEXT,
        "accessIPv6": _TEXT,
    }
    if version.has(changes.DESCRIPTION):
        properties["description"] = {**_TEXT_OR_NULL, "maxLength": 255}
    if version.has(changes.REBUILD_KEY):
        properties["key_name"] = {**_TEXT_OR_NULL, "minLength": 1, "maxLength": 255}
    if version.has(changes.NO_PERSONALITY):
        properties["user_data"] = {**_TEXT_OR_NULL, "maxLength": fields.USER_DATA_CHARACTERS}
    else:
        properties["personality"] = PERSONALITY
    if version.has(changes.TRUSTED_CERTIFICATES):
        properties["trusted_image_certificates"] = {"type": ["array", "null"], "items": _TEXT}
    if version.has(changes.HOSTNAME):
        properties["hostname"] = _FQDN if version.has(changes.FQDN) else _HOSTNAME
    return _body("rebuild", _object(("imageRef",), **properties))


@cache
def migrate_schema(version: Microversion) -> Draft202012Validator:
    """The schema of a cold migration's body at a version: from 2.56 on it may name a host."""
    if not version.has(changes.MIGRATION_HOST):
        return _body("migrate", {})
    return _body("migrate", {**_object((), host=_HOST), "type": ["object", "null"]})


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
    return _body("os-migrateLive", _object(tuple(names), **properties))


@cache
def evacuate_schema(version: Microversion) -> Draft202012Validator:
    """The schema of an evacuation's body at a version."""
    properties: dict[str, Any] = {"host": {**_HOST, "type": "string"}, "adminPass": _TEXT}
    required: tuple[str, ...] = ()
    if not version.has(changes.NO_SHARED_STORAGE):
        properties["onSharedStorage"] = BOOLEAN
        required = ("onSharedStorage",)
    if changes.FORCED_EVACUATION.holds(version.minor):
        properties["force"] = BOOLEAN
    return _body("evacuate", _object(required, **properties))


def parse_rebuild(body: Mapping[str, Any], max_metadata: int) -> RebuildServer:
    """Make a rebuild request of a body that fits the schema; an error names the field."""
    asked = body["rebuild"]
    if parse_boolean("preserve_ephemeral", asked.get("preserve_ephemeral", False)):
        raise BadRequest("preserve_ephemeral: servers of this cloud have no ephemeral disks.")
    if asked.get("trusted_image_certificates"):
        raise BadRequest(
            "trusted_image_certificates: this cloud verifies no signatures of images; leave it out."
        )
    return RebuildServer(
        image_id=fields._image_id(asked["imageRef"]),
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
    record = fields.parse_update({"server": _shared(asked)})
    if "metadata" in asked:
        record["metadata"] = fields._metadata(asked["metadata"], max_metadata)
    if "user_data" in asked:
        record["user_data"] = fields._user_data(asked["user_data"] or "")
    if "hostname" in asked:
        record["hostname"] = asked["hostname"]
    return record


SHARED = ("name", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig")
"""Fields that mean in a rebuild what they mean in an update."""


def _shared(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in SHARED if name in asked}
