# SPDX-License-Identifier: Apache-2.0
"""A create or update request's body, checked field by field and made a typed value. Pure.

What the standard has and this version does not do is refused by name: a client that asked for it
must not believe it got it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from agent.api import changes
from agent.api.compute.hint_parse import parse_hints
from agent.api.compute.metadata_parse import parse_metadata
from agent.api.compute.personality_parse import parse_personality
from agent.api.compute.texts import check_description, check_name
from agent.api.microversion import Microversion
from agent.api.parse import parse_boolean, parse_uuid
from agent.creation import CreateServer
from agent.errors import BadRequest
from agent.model.network import NicRequest
from agent.model.quota import Count
from agent.model.record import RecordChange, check_metadata_count

NOT_SERVED = ("block_device_mapping",)
"""Fields of the standard that may only be empty."""

MOST_AT_ONCE = 1000
"""Servers of one request, whatever the quota: they are all written in one transaction."""


def parse_create(body: Mapping[str, Any], version: Microversion, max_metadata: int) -> CreateServer:
    """Make a create request of a body that fits the schema; an error names the field."""
    asked = body["server"]
    _refuse_what_is_not_served(asked)
    image_id = parse_image_id(asked.get("imageRef"))
    _check_block_devices(asked.get("block_device_mapping_v2", []), image_id)
    name = check_name("name", asked["name"])
    zone, zones_host = _zone(asked.get("availability_zone"))
    described = check_description("description", asked.get("description"))
    return CreateServer(
        name=name,
        image_id=image_id,
        flavor_id=str(asked["flavorRef"]).rstrip("/").rsplit("/", 1)[-1],
        nics=_nics(asked.get("networks", [])),
        needs_network=asked.get("networks") == "auto",
        metadata=_metadata(asked.get("metadata", {}), max_metadata),
        user_data=parse_user_data(asked.get("user_data", "")),
        access_ipv4=parse_address(asked, "accessIPv4", ipaddress.IPv4Address),
        access_ipv6=parse_address(asked, "accessIPv6", ipaddress.IPv6Address),
        disk_config=asked.get("OS-DCF:diskConfig", "MANUAL"),
        availability_zone=zone,
        key_name=asked.get("key_name"),
        files=parse_personality(asked.get("personality", [])),
        admin_pass=asked.get("adminPass"),
        security_groups=tuple(
            group["name"] for group in asked.get("security_groups", []) if "name" in group
        ),
        description=described if version.has(changes.DESCRIPTION) else name,
        tags=tuple(sorted(set(asked.get("tags", ())))),
        hostname=asked.get("hostname"),
        host=_host(asked, zones_host),
        count=_count(asked),
        hints=parse_hints(body),
    )


def parse_update(body: Mapping[str, Any]) -> RecordChange:
    """Make a change of a body that fits the schema; what it does not name stays."""
    asked = body["server"]
    change: RecordChange = {}
    if "name" in asked:
        change["name"] = check_name("name", asked["name"])
    if "accessIPv4" in asked:
        change["access_ipv4"] = parse_address(asked, "accessIPv4", ipaddress.IPv4Address)
    if "accessIPv6" in asked:
        change["access_ipv6"] = parse_address(asked, "accessIPv6", ipaddress.IPv6Address)
    if "OS-DCF:diskConfig" in asked:
        change["disk_config"] = asked["OS-DCF:diskConfig"]
    if "description" in asked:
        change["description"] = check_description("description", asked["description"])
    if "hostname" in asked:
        change["hostname"] = asked["hostname"]
    return change


def wants_reservation(body: Mapping[str, Any]) -> bool:
    """Whether a create request asks for the reservation's id instead of the server."""
    value = body["server"].get("return_reservation_id", False)
    return parse_boolean("return_reservation_id", value)


def _refuse_what_is_not_served(asked: Mapping[str, Any]) -> None:
    for name in NOT_SERVED:
        if asked.get(name):
            raise BadRequest(f"{name}: this version of the cloud does not serve it yet.")
    check_certificates(asked)


def check_certificates(asked: Mapping[str, Any]) -> None:
    """Refuse certificates: who names some must not believe that they were held against anything."""
    if asked.get("trusted_image_certificates"):
        raise BadRequest(
            "trusted_image_certificates: this cloud verifies no signatures of images. Give null."
        )


def parse_image_id(reference: str | None) -> str:
    """Read the id of an image from itself, or from a URL that ends in it."""
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


def _count(asked: Mapping[str, Any]) -> Count:
    """How many servers are asked for."""
    least = int(asked.get("min_count", 1))
    most = int(asked.get("max_count", least))
    if least > most:
        raise BadRequest("min_count: min_count must be <= max_count")
    if most > MOST_AT_ONCE:
        raise BadRequest(f"max_count: at most {MOST_AT_ONCE} servers are made by one request.")
    return Count(least, most)


def _zone(text: str | None) -> tuple[str | None, str | None]:
    """An availability zone, and the host that an administrator may name behind it."""
    zone, *hosts = (text or "").split(":")
    if len(hosts) > 2:
        raise BadRequest("availability_zone: must be a zone, or zone:host for administrators.")
    return zone or None, next(filter(None, hosts), None)


def _host(asked: Mapping[str, Any], zones_host: str | None) -> str | None:
    """The host that is asked for: here a host and its hypervisor have the same name."""
    named = {name for field in ("host", "hypervisor_hostname") if (name := asked.get(field))}
    if named and zones_host:
        raise BadRequest(
            "host: One mechanism with host and/or hypervisor_hostname and another mechanism with "
            "zone:host:node are mutually exclusive."
        )
    if len(named) > 1:
        raise BadRequest("host: No valid host was found: hypervisor_hostname names another host.")
    return next(iter(named), zones_host)


def _nics(asked: str | Sequence[Mapping[str, Any]]) -> tuple[NicRequest, ...] | None:
    """What is asked of networks; None leaves it to the cloud."""
    if isinstance(asked, str):
        return () if asked == "none" else None
    nics = tuple(map(_nic, asked))
    for what, given in (("port", [nic.port_id for nic in nics]), ("tag", [n.tag for n in nics])):
        twice = [value for value in given if value and given.count(value) > 1]
        if twice:
            raise BadRequest(f"networks: the {what} {twice[0]} is given twice.")
    return nics or None


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
    fixed_ip = parse_address(asked, "fixed_ip", ipaddress.IPv4Address) or None
    return NicRequest(network_id, fixed_ip, tag=asked.get("tag"))


def _metadata(metadata: Mapping[str, str], limit: int) -> Mapping[str, str]:
    check_metadata_count(metadata, limit)
    return parse_metadata(metadata)


def parse_user_data(text: str) -> str | None:
    """Check that user data are Base64, and take their white space away; None when empty."""
    compact = "".join(text.split())
    try:
        base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("user_data: must be encoded as Base64.") from None
    return compact or None


def parse_address(
    asked: Mapping[str, Any],
    field: str,
    kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address],
) -> str:
    """Read an address and write it in its usual form; "" when it is not given."""
    text = asked.get(field)
    if not text:
        return ""
    try:
        if "%" in text:
            raise ValueError("an interface's name says nothing here")
        return str(kind(text))
    except ValueError:
        version = "IPv4" if kind is ipaddress.IPv4Address else "IPv6"
        raise BadRequest(f"{field}: must be an {version} address.") from None
