# SPDX-License-Identifier: Apache-2.0
"""The query of a list of instance actions: which of them are wanted. Pure."""

from __future__ import annotations

from werkzeug.datastructures import MultiDict

from agent.api import changes
from agent.api.compute.paging import parse_page
from agent.api.compute.query import check_query
from agent.api.microversion import Microversion
from agent.api.parse import parse_time
from agent.errors import BadRequest
from agent.model.task import TaskQuery

SINCE, BEFORE = "changes-since", "changes-before"


def parse_action_query(args: MultiDict[str, str], version: Microversion) -> TaskQuery | None:
    """Read the query; None where the version has none. `BadRequest` for what is malformed."""
    if not version.has(changes.ACTION_PAGING):
        return None
    known = {"limit", "marker", SINCE}
    if version.has(changes.CHANGES_BEFORE):
        known.add(BEFORE)
    check_query(args, known, version, since=changes.ACTION_PAGING)
    for name in args:
        if len(args.getlist(name)) > 1:
            raise BadRequest(f"{name}: it may be given once.")
    page = parse_page(args)
    since, before = (
        parse_time(name, args[name]) if name in args else None for name in (SINCE, BEFORE)
    )
    if since and before and since > before:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    return TaskQuery(page.limit, page.marker, since, before)
