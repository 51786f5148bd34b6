# SPDX-License-Identifier: Apache-2.0
"""The query of a list of images: filters, order, page. Pure; an error names the parameter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import get_args

from werkzeug.datastructures import MultiDict

from agent.api.parse import parse_count
from agent.errors import BadRequest
from agent.model.image import MemberStatus, Visibility
from agent.model.imagequery import (
    Condition,
    ImageQuery,
    Operand,
    Operator,
)
from agent.model.sorting import NEWEST_FIRST, SortKey

DEFAULT_LIMIT = 25
MAX_LIMIT = 1000

STATUSES = frozenset(
    {
        *("queued", "saving", "active", "killed", "deleted", "pending_delete", "deactivated"),
        *("uploading", "importing"),
    }
)
"""The standard's, of which some are never seen here."""

SORTED_BY = (
    *("name", "status", "container_format", "disk_format", "size", "id", "created_at"),
    *("updated_at", "min_disk", "min_ram", "owner", "visibility"),
)

_PAGE = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir"})
_RULED = frozenset({"visibility", "member_status", "os_hidden", "tag"})

_LIST = re.compile(r'(?:"[^"]*"|[^",]*)(?:,(?:"[^"]*"|[^",]*))*')
_ENTRY = re.compile(r'(?:^|,)(?:"([^"]*)"|([^",]*))')
_COUNT_MAX = 2**63 - 1


def parse_query(args: MultiDict[str, str]) -> ImageQuery:
    """Read the query of a list; what no attribute is called is taken for a property."""
    filters = {name: args[name] for name in args if name not in _PAGE | _RULED}
    return ImageQuery(
        conditions=tuple(
            _CONDITIONS[name](name, text) for name, text in filters.items() if name in _CONDITIONS
        ),
        tags=tuple(args.getlist("tag")),
        properties={name: text for name, text in filters.items() if name not in _CONDITIONS},
        visibility=_parse_word(args, "visibility", (*Visibility, "all")),
        member_status=_parse_member_status(args),
        os_hidden=_parse_flag("os_hidden", args.get("os_hidden", "false").lower()),
        sort=_parse_sort(args),
        limit=min(parse_count("limit", args.get("limit", str(DEFAULT_LIMIT))), MAX_LIMIT),
        marker=args.get("marker"),
    )


def _parse_word(args: Mapping[str, str], name: str, words: Iterable[str]) -> str | None:
    text = args.get(name)
    if text is None:
        return None
    if text not in words:
        raise BadRequest(f"{name}: must be one of {', '.join(words)}.")
    return text


def _parse_member_status(args: Mapping[str, str]) -> MemberStatus | None:
    word = _parse_word(args, "member_status", (*MemberStatus, "all"))
    if word == "all":
        return None
    return MemberStatus.ACCEPTED if word is None else MemberStatus(word)


def _parse_flag(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise BadRequest(f"{name}: must be 'true' or 'false'.")
    return text == "true"


def _parse_list(name: str, text: str) -> list[str]:
    """Read "a,b"; what has a comma in it stands in quotation marks."""
    if not _LIST.fullmatch(text):
        raise BadRequest(f"{name}: the quotation marks do not match.")
    return [found[1] or found[2] or "" for found in _ENTRY.finditer(text)]


def _word(name: str, text: str) -> Condition:
    return Condition(name, "eq", text)


def _word_or_list(name: str, text: str) -> Condition:
    if text.startswith("in:"):
        return Condition(name, "in", _parse_list(name, text.removeprefix("in:")))
    return _word(name, text)


def _status(name: str, text: str) -> Condition:
    condition = _word_or_list(name, text)
    words = [text] if condition.operator == "eq" else _parse_list(name, text.removeprefix("in:"))
    if not STATUSES.issuperset(words):
        raise BadRequest(f"{name}: must be one of {', '.join(sorted(STATUSES))}.")
    return condition


def _flag(name: str, text: str) -> Condition:
    return Condition(name, "eq", _parse_flag(name, text))


def _number(field: str, operator: Operator) -> Callable[[str, str], Condition]:
    def parse(name: str, text: str) -> Condition:
        return Condition(field, operator, min(parse_count(name, text), _COUNT_MAX))

    return parse


def _time(name: str, text: str) -> Condition:
    operators = [word for word in get_args(Operator) if word != "in"]
    operator = next((word for word in operators if text.startswith(f"{word}:")), None)
    try:
        moment = datetime.fromisoformat(text.removeprefix(f"{operator}:"))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        value: Operand = aware.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{name}: must be a time as 2026-01-31T12:00:00Z, after one of "
            f"{', '.join(f'{word}:' for word in operators)} or alone."
        ) from None
    return Condition(name, operator or "eq", value)


_CONDITIONS: Mapping[str, Callable[[str, str], Condition]] = {
    **dict.fromkeys(("id", "name", "disk_format", "container_format"), _word_or_list),
    **dict.fromkeys(("owner", "checksum", "os_hash_algo", "os_hash_value"), _word),
    **{name: _number(name, "eq") for name in ("size", "virtual_size", "min_disk", "min_ram")},
    "size_min": _number("size", "gte"),
    "size_max": _number("size", "lte"),
    "status": _status,
    "protected": _flag,
    "created_at": _time,
    "updated_at": _time,
}
"""How each parameter that names an attribute is read."""


def _parse_sort(args: MultiDict[str, str]) -> tuple[SortKey, ...]:
    sort = _read_sort(args)
    twice = [name for name, times in Counter(key.field for key in sort).items() if times > 1]
    if twice:
        name = "sort" if "sort" in args else "sort_key"
        raise BadRequest(f"{name}: {', '.join(twice)} may be given once.")
    return sort


def _read_sort(args: MultiDict[str, str]) -> tuple[SortKey, ...]:
    keys, directions = args.getlist("sort_key"), args.getlist("sort_dir")
    if "sort" in args:
        if keys or directions:
            raise BadRequest("sort: can't be given together with sort_key or sort_dir.")
        pairs = [pair.partition(":")[::2] for pair in args["sort"].split(",")]
        return tuple(_sort_key("sort", key.strip(), way.strip() or "desc") for key, way in pairs)
    if not keys and not directions:
        return NEWEST_FIRST
    keys = keys or ["created_at"]
    if len(directions) < 2:
        directions = (directions or ["desc"]) * len(keys)
    if len(directions) != len(keys):
        raise BadRequest("sort_dir: must be given once, or once for each sort_key.")
    return tuple(_sort_key("sort_key", key, way) for key, way in zip(keys, directions, strict=True))


def _sort_key(name: str, key: str, way: str) -> SortKey:
    if key not in SORTED_BY:
        raise BadRequest(f"{name}: must be one of {', '.join(SORTED_BY)}.")
    if way not in {"asc", "desc"}:
        raise BadRequest(f"{'sort_dir' if name == 'sort_key' else name}: must be asc or desc.")
    return SortKey(key, way == "desc")
