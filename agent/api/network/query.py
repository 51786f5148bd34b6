# SPDX-License-Identifier: Apache-2.0
"""Filters and fields of a list, by the attributes of what is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response, jsonify, request

Views = list[dict[str, Any]]


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

    A filter that names no attribute is ignored.
    """
    return [
        view
        for view in views
        if all(
            _fits(view[name], wanted)
            for name, wanted in query.items()
            if name in view and name != "fields"
        )
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
