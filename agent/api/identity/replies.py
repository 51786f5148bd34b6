# SPDX-License-Identifier: Apache-2.0
"""Lists as the Identity API replies with them: filtered by the query, with a link to themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response, jsonify, request

from agent.api.context import base_url
from agent.api.parse import parse_boolean


def listing(name: str, views: Iterable[Mapping[str, Any]], *fields: str) -> Response:
    """Reply with the views that fit the query's filters by these fields."""
    found = [view for view in views if all(_fits(view, field) for field in fields)]
    links = {"self": f"{base_url()}{request.path}", "previous": None, "next": None}
    return jsonify({name: found, "links": links})


def _fits(view: Mapping[str, Any], field: str) -> bool:
    wanted = request.args.get(field)
    if wanted is None:
        return True
    value = view[field]
    if isinstance(value, bool):
        return value is (wanted == "" or parse_boolean(field, wanted))
    if isinstance(value, list):
        return set(wanted.split(",")) <= set(value)
    return bool(value == wanted)
