# SPDX-License-Identifier: Apache-2.0
"""Requests about flavors, checked and made typed values. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from werkzeug.datastructures import MultiDict

from agent.api import changes
from agent.api.compute.paging import parse_page
from agent.api.compute.query import check_query
from agent.api.compute.texts import DESCRIPTION, NAME, check_description, check_name
from agent.api.microversion import Microversion
from agent.api.parse import BOOLEAN, parse_boolean, parse_count
from agent.api.schemas import body_of, closed
from agent.errors import BadRequest
from agent.model import extraspecs
from agent.model.flavorlist import SORT_KEYS, FlavorQuery
from agent.model.server import Flavor

MAX_INT = 2**31 - 1
MAX_FACTOR = 3.40282e38  # of a float of single precision
SPEC_CHARACTERS = 255

ID_PATTERN = r"^(?! )[a-zA-Z0-9. _-]{1,255}(?<! )\Z"
ID_WORDS = "1 to 255 letters, digits, spaces, '.', '_' and '-', with no space at its ends"

QUERY = frozenset({"limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir"})

_SIZE: dict[str, Any] = {
    "type": ["integer", "string"],
    "pattern": r"^[0-9]{1,10}\Z",
    "minimum": 0,
    "maximum": MAX_INT,
    "description": f"a whole number of at most {MAX_INT}",
}

_SPECS: dict[str, Any] = {
    "type": "object",
    "patternProperties": {
        r"^[a-zA-Z0-9\-_:. ]{1,255}\Z": {
            "type": ["string", "number"],
            "maxLength": SPEC_CHARACTERS,
        }
    },
    "additionalProperties": False,
}


def _fields(*required: str, **properties: Any) -> dict[str, Any]:
    return closed(properties, required)


@cache
def create_schema(version: Microversion) -> Draft202012Validator:
    """The schema of a new flavor."""
    described = {"description": DESCRIPTION} if version.has(changes.FLAVOR_DESCRIPTION) else {}
    flavor = _fields(
        *("name", "ram", "vcpus", "disk"),
        name=NAME,
        id={
            "type": ["string", "number", "null"],
            "pattern": ID_PATTERN,
            "description": ID_WORDS,
        },
        ram=_SIZE,
        vcpus=_SIZE,
        disk=_SIZE,
        swap=_SIZE,
        rxtx_factor={
            "type": ["number", "string"],
            "pattern": r"^[0-9]{1,39}(\.[0-9]{1,39})?\Z",
            "exclusiveMinimum": 0,
            "maximum": MAX_FACTOR,
            "description": "a number above 0",
        },
        **{
            "OS-FLV-EXT-DATA:ephemeral": _SIZE,
            "os-flavor-access:is_public": BOOLEAN,
            **described,
        },
    )
    return body_of("flavor", flavor)


UPDATE_SCHEMA = body_of("flavor", _fields("description", description=DESCRIPTION))
SPECS_SCHEMA = body_of("extra_specs", _SPECS)
SPEC_SCHEMA = Draft202012Validator({**_SPECS, "minProperties": 1, "maxProperties": 1})

_TENANT = _fields("tenant", tenant=NAME)
ACCESS_SCHEMAS = {
    action: body_of(action, _TENANT) for action in ("addTenantAccess", "removeTenantAccess")
}


def parse_new_flavor(body: Mapping[str, Any]) -> Flavor:
    """Make a flavor of a body that fits the schema; without an id it gets a uuid."""
    asked = body["flavor"]
    flavor_id = asked.get("id")
    return Flavor(
        id=str(uuid.uuid4()) if flavor_id is None else _id(str(flavor_id)),
        name=check_name("name", asked["name"]),
        vcpus=_size(asked, "vcpus", least=1),
        ram_mb=_size(asked, "ram", least=1),
        disk_gb=_size(asked, "disk"),
        is_public=parse_boolean(
            "os-flavor-access:is_public", asked.get("os-flavor-access:is_public", True)
        ),
        description=check_description("description", asked.get("description")),
        swap_mb=_size(asked, "swap"),
        ephemeral_gb=_size(asked, "OS-FLV-EXT-DATA:ephemeral"),
        rxtx_factor=_factor(asked.get("rxtx_factor", 1.0)),
    )


def parse_update(body: Mapping[str, Any]) -> str | None:
    """Read the new description of a body that fits the schema."""
    return check_description("description", body["flavor"]["description"])


def parse_specs(specs: Mapping[str, Any], version: Microversion) -> Mapping[str, str]:
    """Write extra specs as texts; `BadRequest` names one that is too long, or known and wrong."""
    written = {name: str(value) for name, value in specs.items()}
    for name, value in written.items():
        if len(value) > SPEC_CHARACTERS:
            raise BadRequest(f"{name}: it must have at most {SPEC_CHARACTERS} characters.")
        problem = extraspecs.find_problem(name, value)
        if problem and version.has(changes.EXTRA_SPEC_CHECK):
            raise BadRequest(f"Validation failed; {name}: {problem}")
    return written


def parse_query(args: MultiDict[str, str], version: Microversion, *, is_admin: bool) -> FlavorQuery:
    """Read which flavors a list is to show; `BadRequest` names what is malformed.

    `is_public` is an administrator's: from others it is not even read.
    """
    check_query(args, QUERY, version)
    page = parse_page(args)
    return FlavorQuery(
        is_public=_publicity(args.get("is_public")) if is_admin else True,
        min_ram_mb=parse_count("minRam", args.get("minRam", "0")),
        min_disk_gb=parse_count("minDisk", args.get("minDisk", "0")),
        sort_key=_choice(args, "sort_key", tuple(SORT_KEYS), "flavorid"),
        descending=_choice(args, "sort_dir", ("asc", "desc"), "asc") == "desc",
        marker=page.marker,
        limit=page.limit,
    )


_PUBLICITY: dict[str, bool | None] = {
    "none": None,
    **dict.fromkeys(("1", "t", "true", "on", "y", "yes"), True),
    **dict.fromkeys(("0", "f", "false", "off", "n", "no"), False),
}
"""A filter takes more words, in any case, than a body does."""


def _publicity(asked: str | None) -> bool | None:
    if asked is None:
        return True
    word = asked.lower()
    if word not in _PUBLICITY:
        raise BadRequest("is_public: must be a boolean, or none for flavors of both kinds.")
    return _PUBLICITY[word]


def _choice(args: MultiDict[str, str], name: str, allowed: tuple[str, ...], otherwise: str) -> str:
    """The first of what is asked for, all of which must be allowed."""
    asked = args.getlist(name)
    if not set(asked) <= set(allowed):
        raise BadRequest(f"{name}: it must be one of {', '.join(allowed)}.")
    return asked[0] if asked else otherwise


def _id(flavor_id: str) -> str:
    """Hold an id against the rule: the schema did it for those that are texts."""
    if not re.match(ID_PATTERN, flavor_id):
        raise BadRequest(f"Invalid input for field/attribute id: it must be {ID_WORDS}.")
    return flavor_id


def _size(asked: Mapping[str, Any], field: str, *, least: int = 0) -> int:
    size = int(asked.get(field, 0))
    if not least <= size <= MAX_INT:
        raise BadRequest(
            f"Invalid input for field/attribute {field}: it must be from {least} to {MAX_INT}."
        )
    return size


def _factor(asked: float | str) -> float:
    factor = float(asked)
    if not 0 < factor <= MAX_FACTOR:
        raise BadRequest("Invalid input for field/attribute rxtx_factor: it must be above 0.")
    return factor
