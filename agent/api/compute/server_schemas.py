# SPDX-License-Identifier: Apache-2.0
"""The schemas of a server's create, update and rebuild requests, in each version. Pure."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.changes import Change
from agent.api.compute.hint_parse import HINT_NAMES, HINTS
from agent.api.compute.metadata_parse import METADATA
from agent.api.compute.personality_parse import PERSONALITY
from agent.api.microversion import Microversion
from agent.api.parse import BOOLEAN
from agent.api.schemas import body_of, closed
from agent.model.server import MAX_NICS

NAME_CHARACTERS = 255
USER_DATA_CHARACTERS = 65535
TAG_CHARACTERS = 60
MAX_TAGS = 50

TEXT: dict[str, Any] = {"type": "string"}
NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": NAME_CHARACTERS}
USER_DATA: dict[str, Any] = {"type": "string", "maxLength": USER_DATA_CHARACTERS}
DISK_CONFIG: dict[str, Any] = {"enum": ["AUTO", "MANUAL"]}
DESCRIPTION: dict[str, Any] = {"type": ["string", "null"], "maxLength": 255}
CERTIFICATES: dict[str, Any] = {
    "type": ["array", "null"],
    "minItems": 1,
    "maxItems": 50,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1},
}
TAG: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": TAG_CHARACTERS,
    "pattern": r"^[^,/]*\Z",
    "description": f"a tag of 1 to {TAG_CHARACTERS} characters without '/' and ','",
}
TAGS: dict[str, Any] = {"type": "array", "maxItems": MAX_TAGS, "items": TAG}

_COUNT: dict[str, Any] = {
    "type": ["integer", "string"],
    "pattern": r"^0*[1-9][0-9]{0,8}\Z",
    "minimum": 1,
    "maximum": 10**9,
    "description": "a whole number of 1 or more",
}
_LABEL: dict[str, Any] = {
    "type": "string",
    "minLength": 2,
    "maxLength": 63,
    "pattern": r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+\Z",
    "description": "a host name: 2 to 63 of a-z, A-Z, 0-9 and, within it, '-'",
}
_FQDN: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^[a-zA-Z0-9._-]*\Z",
    "description": "a host or domain name: 1 to 255 of a-z, A-Z, 0-9, '-', '.' and '_'",
}


def _nics(*, tags: bool = False) -> dict[str, Any]:
    nic = {"uuid": TEXT, "fixed_ip": TEXT, "port": {"type": ["string", "null"]}}
    item = closed({**nic, "tag": TAG} if tags else nic)
    return {"type": "array", "maxItems": MAX_NICS, "items": item}


def _nics_or_word(*, tags: bool = False) -> dict[str, Any]:
    return {
        "if": {"type": "string"},
        "then": {"enum": ["none", "auto"]},
        "else": _nics(tags=tags),
    }


_CREATE: dict[str, Any] = {
    "name": NAME,
    "imageRef": TEXT,
    "flavorRef": {"type": ["string", "integer"], "minLength": 1},
    "metadata": METADATA,
    "networks": _nics(),
    "security_groups": {
        "type": "array",
        "items": closed({"name": NAME}),
    },
    "personality": PERSONALITY,
    "adminPass": TEXT,
    "user_data": USER_DATA,
    "accessIPv4": TEXT,
    "accessIPv6": TEXT,
    "key_name": NAME,
    "OS-DCF:diskConfig": DISK_CONFIG,
    "availability_zone": NAME,
    "config_drive": BOOLEAN,
    "min_count": _COUNT,
    "max_count": _COUNT,
    "return_reservation_id": BOOLEAN,
    "block_device_mapping": {},
    "block_device_mapping_v2": {"type": "array", "items": {"type": "object"}},
}

_UPDATE: dict[str, Any] = {
    "name": NAME,
    "accessIPv4": TEXT,
    "accessIPv6": TEXT,
    "OS-DCF:diskConfig": DISK_CONFIG,
}

_LATER_CREATE: tuple[tuple[Change, str, dict[str, Any] | None], ...] = (
    (changes.DESCRIPTION, "description", DESCRIPTION),
    (changes.NIC_TAGS, "networks", _nics(tags=True)),
    (changes.NETWORKS_REQUIRED, "networks", _nics_or_word()),  # in which tags were forgotten
    (changes.NIC_TAGS_AGAIN, "networks", _nics_or_word(tags=True)),
    (changes.TAGS_AT_CREATE, "tags", TAGS),
    (changes.NO_PERSONALITY, "personality", None),
    (changes.TRUSTED_CERTIFICATES, "trusted_image_certificates", CERTIFICATES),
    (changes.REQUESTED_HOST, "host", _FQDN),
    (changes.REQUESTED_HOST, "hypervisor_hostname", _FQDN),
    (changes.HOSTNAME, "hostname", _LABEL),
    (changes.FQDN, "hostname", _FQDN),
)
"""What each change made of a field of the create request; None: it is gone."""

_LATER_UPDATE: tuple[tuple[Change, str, dict[str, Any] | None], ...] = (
    (changes.DESCRIPTION, "description", DESCRIPTION),
    (changes.HOSTNAME, "hostname", _LABEL),
    (changes.FQDN, "hostname", _FQDN),
)


_REBUILD: dict[str, Any] = {
    **_UPDATE,
    "imageRef": TEXT,
    "adminPass": TEXT,
    "metadata": METADATA,
    "preserve_ephemeral": BOOLEAN,
    "personality": PERSONALITY,
}

_LATER_REBUILD: tuple[tuple[Change, str, dict[str, Any] | None], ...] = (
    *_LATER_UPDATE,
    (changes.REBUILD_KEY, "key_name", {**NAME, "type": ["string", "null"]}),
    (changes.NO_PERSONALITY, "personality", None),
    (changes.NO_PERSONALITY, "user_data", {**USER_DATA, "type": ["string", "null"]}),
    (changes.TRUSTED_CERTIFICATES, "trusted_image_certificates", CERTIFICATES),
)


@cache
def create_schema(version: Microversion) -> Draft202012Validator:
    """The body of POST /servers."""
    required = ["name", "flavorRef"]
    if version.has(changes.NETWORKS_REQUIRED):
        required.append("networks")
    server = closed(later_fields(_CREATE, _LATER_CREATE, version), required)
    hints = dict.fromkeys(HINT_NAMES, HINTS)
    return Draft202012Validator(closed({"server": server, **hints}, ["server"]))


@cache
def update_schema(version: Microversion) -> Draft202012Validator:
    """The body of PUT /servers/ID."""
    server = closed(later_fields(_UPDATE, _LATER_UPDATE, version), [])
    return body_of("server", server)


@cache
def rebuild_schema(version: Microversion) -> Draft202012Validator:
    """The body of the action rebuild."""
    server = closed(later_fields(_REBUILD, _LATER_REBUILD, version), ["imageRef"])
    return body_of("rebuild", server)


def later_fields(
    fields: dict[str, Any],
    later: tuple[tuple[Change, str, dict[str, Any] | None], ...],
    version: Microversion,
) -> dict[str, Any]:
    """The fields that a version has, given those of the first one and what became of them."""
    found = dict(fields)
    for change, name, rule in later:
        if version.has(change):
            found[name] = rule
    return {name: rule for name, rule in found.items() if rule is not None}
