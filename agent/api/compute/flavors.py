# SPDX-License-Identifier: Apache-2.0
"""/flavors: the sizes of servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request

from agent.api.compute.paging import Page, next_links, parse_page
from agent.api.context import base_url, caller, cloud
from agent.api.parse import parse_boolean, parse_count
from agent.errors import BadRequest
from agent.model.server import Flavor

routes = Blueprint("flavors", __name__)


@routes.get("/flavors")
def list_brief() -> Response:
    """List the flavors by id and name."""
    return _list("/flavors", brief_view)


@routes.get("/flavors/detail")
def list_detail() -> Response:
    """List the flavors with their sizes."""
    return _list("/flavors/detail", flavor_view)


@routes.get("/flavors/<flavor_id>")
def show(flavor_id: str) -> Response:
    """Show one flavor."""
    return jsonify(flavor=flavor_view(cloud().compute.get_flavor(flavor_id), base_url()))


@routes.get("/flavors/<flavor_id>/os-extra_specs")
def list_extra_specs(flavor_id: str) -> Response:
    """Show what a flavor says besides its size."""
    return jsonify(extra_specs=dict(cloud().compute.get_flavor(flavor_id).extra_specs))


def brief_view(flavor: Flavor, base: str) -> dict[str, Any]:
    """Show a flavor in a list."""
    links = [
        {"rel": "self", "href": f"{base}/compute/v2.1/flavors/{flavor.id}"},
        {"rel": "bookmark", "href": f"{base}/compute/flavors/{flavor.id}"},
    ]
    return {"id": flavor.id, "name": flavor.name, "links": links}


def flavor_view(flavor: Flavor, base: str) -> dict[str, Any]:
    """Show a flavor with its sizes: `ram` in MiB, `disk` in GiB."""
    return {
        **brief_view(flavor, base),
        "ram": flavor.ram_mb,
        "disk": flavor.disk_gb,
        "vcpus": flavor.vcpus,
        "swap": "",
        "rxtx_factor": 1.0,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": flavor.is_public,
    }


def _list(path: str, view: Callable[[Flavor, str], dict[str, Any]]) -> Response:
    page = parse_page(request.args)
    rest = _after([f for f in cloud().compute.list_flavors() if _is_wanted(f)], page)
    flavors = rest[: page.limit]
    body: dict[str, Any] = {"flavors": [view(flavor, base_url()) for flavor in flavors]}
    if flavors and len(rest) > len(flavors):
        url = f"{base_url()}/compute/v2.1{path}"
        body["flavors_links"] = next_links(url, request.args, page, flavors[-1].id)
    return jsonify(body)


def _is_wanted(flavor: Flavor) -> bool:
    """Whether the query asks for this flavor; private ones are for admins who ask for them."""
    public = _wanted_publicity()
    return (
        (public is None or flavor.is_public is public)
        and flavor.ram_mb >= parse_count("minRam", request.args.get("minRam", "0"))
        and flavor.disk_gb >= parse_count("minDisk", request.args.get("minDisk", "0"))
    )


def _wanted_publicity() -> bool | None:
    asked = request.args.get("is_public")
    if not caller().is_admin or asked is None:
        return True
    return None if asked.lower() == "none" else parse_boolean("is_public", asked)


def _after(flavors: Sequence[Flavor], page: Page) -> Sequence[Flavor]:
    if page.marker is None:
        return flavors
    ids = [flavor.id for flavor in flavors]
    if page.marker not in ids:
        raise BadRequest(f"marker [{page.marker[:60]}] not found")
    return flavors[ids.index(page.marker) + 1 :]
