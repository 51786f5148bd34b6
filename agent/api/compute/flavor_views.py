# SPDX-License-Identifier: Apache-2.0
"""A flavor as each version of the Compute API shows it. Pure."""

from __future__ import annotations

from typing import Any

from agent.api import changes
from agent.api.microversion import Microversion
from agent.model.server import Flavor


def brief_view(flavor: Flavor, base: str, version: Microversion) -> dict[str, Any]:
    """Show a flavor in a list."""
    return {**_named_view(flavor, base), **_description(flavor, version)}


def flavor_view(flavor: Flavor, base: str, version: Microversion) -> dict[str, Any]:
    """Show a flavor with its sizes: `ram` and `swap` in MiB, `disk` and ephemeral in GiB."""
    no_swap = 0 if version.has(changes.STRICT) else ""
    view = {
        **_named_view(flavor, base),
        "ram": flavor.ram_mb,
        "disk": flavor.disk_gb,
        "vcpus": flavor.vcpus,
        "swap": flavor.swap_mb or no_swap,
        "rxtx_factor": flavor.rxtx_factor,
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gb,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": flavor.is_public,
        **_description(flavor, version),
    }
    if version.has(changes.FLAVOR_EXTRA_SPECS):
        view["extra_specs"] = dict(flavor.extra_specs)
    return view


def _named_view(flavor: Flavor, base: str) -> dict[str, Any]:
    links = [
        {"rel": "self", "href": f"{base}/compute/v2.1/flavors/{flavor.id}"},
        {"rel": "bookmark", "href": f"{base}/compute/flavors/{flavor.id}"},
    ]
    return {"id": flavor.id, "name": flavor.name, "links": links}


def _description(flavor: Flavor, version: Microversion) -> dict[str, Any]:
    if not version.has(changes.FLAVOR_DESCRIPTION):
        return {}
    return {"description": flavor.description}
