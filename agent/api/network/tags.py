# SPDX-License-Identifier: Apache-2.0
"""/networks/ID/tags and the same of what else has tags: words that users find them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from agent.api.body import json_body
from agent.api.context import caller, cloud
from agent.api.replies import empty
from agent.api.schemas import body_of
from agent.errors import BadRequest
from agent.networktags import Tagged

routes = Blueprint("network_tags", __name__)

TAG_CHARACTERS = 255

_TAG = {"type": "string", "minLength": 1, "maxLength": TAG_CHARACTERS}
_TAGS = body_of("tags", {"type": "array", "items": _TAG, "uniqueItems": True})


def list_tags(kind: Tagged, its_id: str) -> Response:
    """Show all tags."""
    return jsonify(tags=cloud().network_tags.list(caller(), kind, its_id))


def replace_tags(kind: Tagged, its_id: str) -> Response:
    """Set all tags: those that are not named go."""
    tags = json_body(_TAGS)["tags"]
    return jsonify(tags=cloud().network_tags.replace(caller(), kind, its_id, tags))


def remove_tags(kind: Tagged, its_id: str) -> Response:
    """Remove all tags."""
    cloud().network_tags.replace(caller(), kind, its_id, ())
    return empty(204)


def check_tag(kind: Tagged, its_id: str, tag: str) -> Response:
    """Say whether there is this tag: 204, or 404."""
    cloud().network_tags.check(caller(), kind, its_id, tag)
    return empty(204)


def add_tag(kind: Tagged, its_id: str, tag: str) -> Response:
    """Add one tag; it may be there."""
    if len(tag) > TAG_CHARACTERS:
        raise BadRequest(f"Tag '{tag[:60]}…' is longer than {TAG_CHARACTERS} characters.")
    cloud().network_tags.add(caller(), kind, its_id, tag)
    return empty(201)


def remove_tag(kind: Tagged, its_id: str, tag: str) -> Response:
    """Remove one tag."""
    cloud().network_tags.remove(caller(), kind, its_id, tag)
    return empty(204)


View = Callable[..., ResponseReturnValue]

_VIEWS: Mapping[tuple[str, str], View] = {
    ("GET", ""): list_tags,
    ("PUT", ""): replace_tags,
    ("DELETE", ""): remove_tags,
    ("GET", "/<tag>"): check_tag,
    ("PUT", "/<tag>"): add_tag,
    ("DELETE", "/<tag>"): remove_tag,
}
"""By method and what follows /networks/ID/tags."""


_PLACES: Mapping[Tagged, tuple[str, str]] = {
    Tagged.NETWORK: ("networks", "network_id"),
    Tagged.SUBNET: ("subnets", "subnet_id"),
    Tagged.PORT: ("ports", "port_id"),
    Tagged.SECURITY_GROUP: ("security-groups", "group_id"),
    Tagged.FLOATING_IP: ("floatingips", "floating_ip_id"),
}
"""Where each kind of thing is, and what its id is called in the URL map."""


def _view_of(view: View, kind: Tagged) -> View:
    """The view for one kind of thing."""

    def of_kind(**ids: Any) -> ResponseReturnValue:
        its_id = ids.pop(_PLACES[kind][1])
        return view(kind, its_id, **ids)

    return of_kind


for (method, rest), view in _VIEWS.items():
    for kind, (place, id_name) in _PLACES.items():
        routes.add_url_rule(
            f"/{place}/<{id_name}>/tags{rest}",
            endpoint=f"{view.__name__}_of_{kind.value}",
            view_func=_view_of(view, kind),
            methods=[method],
        )
