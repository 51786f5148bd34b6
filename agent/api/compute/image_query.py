# SPDX-License-Identifier: Apache-2.0
"""The query of the Compute API's list of images. Pure; an error names the parameter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from agent.api.compute.paging import Page
from agent.api.parse import parse_count
from agent.errors import BadRequest
from agent.model.capture import IMAGE_TYPE, SERVER
from agent.model.image import ImageStatus
from agent.model.imagequery import Condition, ImageQuery

PROPERTY = "property-"
_COUNT_MAX = 2**31 - 1


def parse_query(args: MultiDict[str, str], page: Page) -> ImageQuery:
    """Read the filters; what is none is no filter, as ever here."""
    properties = {
        name.removeprefix(PROPERTY): text
        for name, text in args.items()
        if name.startswith(PROPERTY)
    }
    if "type" in args:
        properties[IMAGE_TYPE] = args["type"]
    if "server" in args:  # an id, or a link to it
        properties[SERVER] = args["server"].rstrip("/").rsplit("/", 1)[-1]
    return ImageQuery(
        conditions=tuple(read(args[name]) for name, read in _CONDITIONS.items() if name in args),
        properties=properties,
        limit=page.limit,
        marker=page.marker,
    )


def _name(text: str) -> Condition:
    return Condition("name", "eq", text)


def _status(text: str) -> Condition:
    word = text.lower()
    if word not in {status.value for status in ImageStatus} | {"deleted", "killed"}:
        raise BadRequest("status: there is no such status of an image.")
    return Condition("status", "eq", word)


def _number(field: str, name: str) -> Callable[[str], Condition]:
    def read(text: str) -> Condition:
        return Condition(field, "eq", min(parse_count(name, text), _COUNT_MAX))

    return read


def _changes_since(text: str) -> Condition:
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Condition("updated_at", "gte", aware.astimezone(UTC).replace(microsecond=0))
    except (ValueError, OverflowError):
        raise BadRequest("changes-since: must be a time as 2026-01-31T12:00:00Z.") from None


_CONDITIONS: dict[str, Callable[[str], Condition]] = {
    "name": _name,
    "status": _status,
    "minRam": _number("min_ram", "minRam"),
    "minDisk": _number("min_disk", "minDisk"),
    "changes-since": _changes_since,
}
