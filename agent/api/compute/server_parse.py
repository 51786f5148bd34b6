# SPDX-License-Identifier: Apache-2.0
"""A create or update request's body, checked field by field and made a typed value. Pure.

What the standard has and this version does not do is refused by name: a client that asked for it
must not believe it got it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import unicodedata
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from agent.api.compute.metadata_parse import METADATA, parse_metadata
from agent.api.compute.personality_parse import PERSONALITY, parse_personality
from agent.api.parse import BOOLEAN, parse_boolean, parse_uuid
from agent.creation import CreateServer
from agent.errors import BadRequest
from agent.model.network import NicRequest
from agent.model.record import RecordChange, check_metadata_count
from agent.model.server import MAX_NICS

NAME_CHARACTERS = 255
USER_DATA_CHARACTERS = 65535

NOT_SERVED = ("block_device_mapping",)
"""Fields of the standard that may only be empty."""

_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1, "maxLength": NAME_CHARACTERS}
_DISK_CONFIG = {"enum": ["AUTO", "MANUAL"]}
_COUNT = {"type": ["integer", "string"], "pattern": r"^[0-9]+\Z", "minimum": 1}

_SERVER = {
    "type": "object",
    "properties": {
        "name": _NAME,
        "imageRef": _TEXT,
        "flavorRef": {"type": ["string", "integer"], "minLength": 1},
        "metadata": METADATA,
        "networks": {
            "type": "array",
            "maxItems": MAX_NICS,
            "items": {
                "type": "object",
                "properties": {
                    "uuid": _TEXT,
                    "fixed_ip": _TEXT,
                    "port": {"type": ["string", "null"]},
                },
                "additionalProperties": False,
            },
        },
        "security_groups": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 255}},
                "additionalProperties": False,
            },
        },
        "personality": PERSONALITY,
        "adminPass": _TEXT,
        "user_data": {"type": "string", "maxLength": USER_DATA_CHARACTERS},
        "accessIPv4": _TEXT,
        "accessIPv6": _TEXT,
        "key_name": {"type": "string", "minLength": 1, "maxLength": 255},
        "OS-DCF:diskConfig": _DISK_CONFIG,
        "availability_zone": {"type": "string", "minLength": 1, "maxLength": 255},
        "config_drive": BOOLEAN,
        "min_count": _COUNT,
        "max_count": _COUNT,
        "return_reservation_id": BOOLEAN,
        "block_device_mapping_v2": {"type": "array", "items": {"type": "object"}},
        **{name: {} for name in NOT_SERVED},
    },
    "required": ["name", "flavorRef"],
    "additionalProperties": False,
}

_HINTS = ("os:scheduler_hints", "OS-SCH-HNT:scheduler_hints")

CREATE_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "properties": {"server": _SERVER, **{name: {"type": "object"} for name in _HINTS}},
        "required": ["server"],
        "additionalProperties": False,
    }
)

UPDATE_SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "server": {
                "type": "object",
                "properties": {
                    "name": _NAME,
                    "accessIPv4": _TEXT,
                    "accessIPv6": _TEXT,
                    "OS-DCF:diskConfig": _DISK_CONFIG,
                },
                "additionalProperties": False,
            }
        },
        "required": ["server"],
        "additionalProperties": False,
    }
)


def parse_create(body: Mapping[str, Any], max_metadata: int) -> CreateServer:
    """Make a create request of a body that fits the schema; an error names the field."""
    asked = body["server"]
    _refuse_what_is_not_served(body)
    image_id = _image_id(asked.get("imageRef"))
    _check_block_devices(asked.get("block_device_mapping_v2", []), image_id)
    _check_counts(asked)
    _check_security_groups(asked.get("security_groups", []))
    return CreateServer(
        name=_name(asked["name"]),
        image_id=image_id,
        flavor_id=str(asked["flavorRef"]).rstrip("/").rsplit("/", 1)[-1],
        nics=_nics(asked.get("networks", [])) or None,
        metadata=_metadata(asked.get("metadata", {}), max_metadata),
        user_data=_user_data(asked.get("user_data", "")),
        access_ipv4=_address(asked, "accessIPv4", ipaddress.IPv4Address),
        access_ipv6=_address(asked, "accessIPv6", ipaddress.IPv6Address),
        disk_config=asked.get("OS-DCF:diskConfig", "MANUAL"),
        availability_zone=asked.get("availability_zone"),
        key_name=asked.get("key_name"),
        files=parse_personality(asked.get("personality", [])),
        admin_pass=asked.get("adminPass"),
    )


def parse_update(body: Mapping[str, Any]) -> RecordChange:
    """Make a change of a body that fits the schema; what it does not name stays."""
    asked = body["server"]
    change: RecordChange = {}
    if "name" in asked:
        change["name"] = _name(asked["name"])
    if "accessIPv4" in asked:
        change["access_ipv4"] = _address(asked, "accessIPv4", ipaddress.IPv4Address)
    if "accessIPv6" in asked:
        change["access_ipv6"] = _address(asked, "accessIPv6", ipaddress.IPv6Address)
    if "OS-DCF:diskConfig" in asked:
        change["disk_config"] = asked["OS-DCF:diskConfig"]
    return change


def _refuse_what_is_not_served(body: Mapping[str, Any]) -> None:
    asked = body["server"]
    given = [name for name in NOT_SERVED if asked.get(name)]
    given += [name for name in _HINTS if body.get(name)]
    if given:
        raise BadRequest(f"{given[0]}: this version of the cloud does not serve it yet.")
    if parse_boolean("return_reservation_id", asked.get("return_reservation_id", False)):
        raise BadRequest("return_reservation_id: this version of the cloud does not serve it yet.")


def _name(name: str) -> str:
    if name != name.strip():
        raise BadRequest("name: must not begin or end with white space.")
    if not all(_is_printable(char) for char in name):
        raise BadRequest("name: must have printable characters only.")
    return name


def _is_printable(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind == "Zs" or kind[0] not in "CZ"


def _image_id(reference: str | None) -> str:
    image_id = parse_uuid((reference or "").rstrip("/").rsplit("/", 1)[-1])
    if image_id is None:
        raise BadRequest("imageRef: must be the id of an image: servers boot from images only.")
    return image_id


def _check_block_devices(devices: list[dict[str, Any]], image_id: str) -> None:
    """Take the one mapping that says again what imageRef says, and refuse volumes."""
    if not devices:
        return
    device = devices[0]
    says_the_same = (
        len(devices) == 1
        and device.get("source_type") == "image"
        and device.get("destination_type", "local") == "local"
        and str(device.get("boot_index", 0)) == "0"
        and parse_uuid(device.get("uuid")) == image_id
    )
    if not says_the_same:
        raise BadRequest(
            "block_device_mapping_v2: this version of the cloud serves no volumes and no further "
            "disks; only the image of imageRef as the local disk 0 may be given."
        )


def _check_counts(asked: Mapping[str, Any]) -> None:
    for field in ("min_count", "max_count"):
        if str(asked.get(field, 1)) not in {"1", "1.0"}:
            raise BadRequest(f"{field}: this version of the cloud builds one server a request.")


def _check_security_groups(groups: list[dict[str, str]]) -> None:
    for group in groups:
        name = group.get("name", "default")
        if name != "default":
            raise BadRequest(f"security_groups: Security group {name} not found.")


def _nics(asked: list[dict[str, Any]]) -> tuple[NicRequest, ...]:
    nics = tuple(map(_nic, asked))
    for what, given in (("port", [nic.port_id for nic in nics]), ("tag", [n.tag for n in nics])):
        twice = [value for value in given if value and given.count(value) > 1]
        if twice:
            raise BadRequest(f"networks: the {what} {twice[0]} is given twice.")
    return nics


def _nic(asked: Mapping[str, Any]) -> NicRequest:
    if asked.get("port"):
        if asked.get("fixed_ip"):
            raise BadRequest(
                f"networks: Specified Fixed IP '{asked['fixed_ip'][:45]}' cannot be used with "
                f"port '{asked['port'][:36]}': the two cannot be specified together."
            )
        port_id = parse_uuid(asked["port"])
        if port_id is None:
            raise BadRequest("networks: port must be the id of a port.")
        return NicRequest(port_id=port_id, tag=asked.get("tag"))
    if "uuid" not in asked:
        raise BadRequest("networks: Bad network format: missing 'uuid'.")
    network_id = parse_uuid(asked["uuid"])
    if network_id is None:
        raise BadRequest(
            "networks: Bad networks format: network uuid is not in proper format "
            f"({asked['uuid'][:60]})."
        )
    fixed_ip = _address(asked, "fixed_ip", ipaddress.IPv4Address) or None
    return NicRequest(network_id, fixed_ip, tag=asked.get("tag"))


def _metadata(metadata: Mapping[str, str], limit: int) -> Mapping[str, str]:
    check_metadata_count(metadata, limit)
    return parse_metadata(metadata)


def _user_data(text: str) -> str | None:
    compact = "".join(text.split())
    try:
        base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("user_data: must be encoded as Base64.") from None
    return compact or None


def _address(
    asked: Mapping[str, Any],
    field: str,
    kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address],
) -> str:
    """Read an address and write it in its usual form; "" when it is not given."""
    text = asked.get(field)
    if text is None:
        return ""
    try:
        if "%" in text:
            raise ValueError("an interface's name says nothing here")
        return str(kind(text))
    except ValueError:
        version = "IPv4" if kind is ipaddress.IPv4Address else "IPv6"
        raise BadRequest(f"{field}: must be an {version} address.") from None
