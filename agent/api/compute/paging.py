# SPDX-License-Identifier: Apache-2.0
"""Pages of a list, as the Compute API cuts them: `limit`, `marker`, and a link to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from agent.api.parse import parse_count

MAX_LIMIT = 1000

OF_PAGE = ("limit", "marker")
"""What the link to the next page says anew."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    marker: str | None


def parse_page(args: Mapping[str, str]) -> Page:
    """Read `limit` and `marker`; `BadRequest` for a limit that is no number."""
    limit = parse_count("limit", args["limit"]) if "limit" in args else MAX_LIMIT
    return Page(min(limit, MAX_LIMIT), args.get("marker"))


def next_links(
    url: str, args: MultiDict[str, str], page: Page, last_id: str
) -> list[dict[str, str]]:
    """Link to the page that follows the one that ends with `last_id`."""
    others = [(name, text) for name, text in args.items(multi=True) if name not in OF_PAGE]
    query = urlencode([*others, ("limit", page.limit), ("marker", last_id)])
    return [{"rel": "next", "href": f"{url}?{query}"}]
