# SPDX-License-Identifier: Apache-2.0
"""Filters and fields of a list, by the attributes of what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Response, jsonify, request

Views = list[dict[str, Any]]

BY_TAGS: Mapping[str, Callable[[set[str], Sequence[str]], bool]] = {
    "tags": lambda wanted, tags: wanted.issubset(tags),
    "tags-any": lambda wanted, tags: not wanted.isdisjoint(tags),
    "not-tags": lambda wanted, tags: not wanted.issubset(tags),
    "not-tags-any": lambda wanted, tags: wanted.isdisjoint(tags),
}
"""What each filter by tags keeps; the tags that are wanted stand in one text, between commas."""


def list_views(name: str, views: Iterable[dict[str, Any]]) -> Response:
    """Answer with a list, as the query wants it."""
    query = request.args.to_dict(flat=False)
    fields = query.get("fields", [])
    return jsonify({name: [choose_fields(view, fields) for view in select(views, query)]})


def show_view(name: str, view: dict[str, Any]) -> Response:
    """Answer with one thing, with the fields that the query wants."""
    return jsonify({name: choose_fields(view, request.args.getlist("fields"))})


def select(views: Iterable[dict[str, Any]], query: Mapping[str, Sequence[str]]) -> Views:
    """Keep what fits every filter; one that is given twice takes either value.

    A filter that names no attribute is ignored. Those by tags are of their own kind: `BY_TAGS`.
    """
    plain = {name: wanted for name, wanted in query.items() if name not in {"fields", *BY_TAGS}}
    by_tags = {
        name: {tag for text in wanted for tag in text.split(",")}
        for name, wanted in query.items()
        if name in BY_TAGS
    }
    return [
        view
        for view in views
        if all(_fits(view[name], wanted) for name, wanted in plain.items() if name in view)
        and all(BY_TAGS[name](wanted, view.get("tags", ())) for name, wanted in by_tags.items())
    ]


def choose_fields(view: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Keep the attributes that are asked for; all when none are."""
    return {name: view[name] for name in view if not fields or name in fields}


def _fits(value: object, wanted: Sequence[str]) -> bool:
    if isinstance(value, bool):
        return str(value).lower() in {text.lower() for text in wanted}
    if isinstance(value, list):
        return any(_holds(item, text) for item in value for text in wanted)
    return ("" if value is None else str(value)) in wanted


def _holds(item: object, wanted: str) -> bool:
    """Whether an item of a list is meant: "text", or "key=value" of an object."""
    if isinstance(item, dict):
        key, _, value = wanted.partition("=")
        return key in item and str(item[key]) == value
    return str(item) == wanted
