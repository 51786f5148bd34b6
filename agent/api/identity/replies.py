# SPDX-License-Identifier: Apache-2.0
"""Lists as the Identity API replies with them: filtered by the query, with a link to themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from flask import Response, jsonify, request

from agent.api.context import base_url
from agent.api.parse import parse_boolean
from agent.errors import BadRequest


def listing(
    name: str, views: Iterable[Mapping[str, Any]], *fields: str, known: Collection[str] = ()
) -> Response:
    """Reply with the views that fit the query's filters by these fields.

    `BadRequest` for a filter that is neither one of them nor `known` to the caller: a list that
    ignored it would show more than was asked for.
    """
    for asked in request.args:
        if asked not in fields and asked not in known:
            raise BadRequest(f"{asked[:60]}: {name} are not listed by this here.")
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
