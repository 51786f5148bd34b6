# SPDX-License-Identifier: Apache-2.0
"""Which flavors a list shows, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.errors import BadRequest
from agent.model.server import Flavor

SortValue = str | int | float

SORT_KEYS: dict[str, Callable[[Flavor], SortValue]] = {
    "created_at": lambda flavor: 0,
    "description": lambda flavor: flavor.description or "",
    "disabled": lambda flavor: 0,
    "ephemeral_gb": lambda flavor: flavor.ephemeral_gb,
    "flavorid": lambda flavor: flavor.id,
    "id": lambda flavor: flavor.id,
    "is_public": lambda flavor: flavor.is_public,
    "memory_mb": lambda flavor: flavor.ram_mb,
    "name": lambda flavor: flavor.name,
    "root_gb": lambda flavor: flavor.disk_gb,
    "rxtx_factor": lambda flavor: flavor.rxtx_factor,
    "swap": lambda flavor: flavor.swap_mb,
    "updated_at": lambda flavor: 0,
    "vcpu_weight": lambda flavor: 0,
    "vcpus": lambda flavor: flavor.vcpus,
}
"""What a list may be sorted by. Flavors here have no times, weight or switch: all are alike."""


@dataclass(frozen=True, slots=True)
class FlavorQuery:
    """What a list is to show; what is None lets all through."""

    is_public: bool | None = True
    min_ram_mb: int = 0
    min_disk_gb: int = 0
    sort_key: str = "flavorid"
    descending: bool = False
    marker: str | None = None  # the id of the last flavor of the page before
    limit: int = 1000


def choose_flavors(
    flavors: Sequence[Flavor], let_in: frozenset[str], query: FlavorQuery
) -> Sequence[Flavor]:
    """The page of these flavors that is asked for; `BadRequest` for an unknown marker.

    `let_in` are the ids of those that aren't public and that the asking project may use: a list of
    public flavors shows them too.
    """
    wanted = [flavor for flavor in flavors if _is_wanted(flavor, let_in, query)]
    value = SORT_KEYS[query.sort_key]
    wanted.sort(key=lambda flavor: flavor.id)
    wanted.sort(key=value, reverse=query.descending)
    return _after(wanted, query.marker)[: query.limit]


def _is_wanted(flavor: Flavor, let_in: frozenset[str], query: FlavorQuery) -> bool:
    is_shown = query.is_public is None or flavor.is_public is query.is_public
    return (
        (is_shown or (query.is_public is True and flavor.id in let_in))
        and flavor.ram_mb >= query.min_ram_mb
        and flavor.disk_gb >= query.min_disk_gb
    )


def _after(flavors: Sequence[Flavor], marker: str | None) -> Sequence[Flavor]:
    if marker is None:
        return flavors
    ids = [flavor.id for flavor in flavors]
    if marker not in ids:
        raise BadRequest(f"marker [{marker[:60]}] not found")
    return flavors[ids.index(marker) + 1 :]


def check_disks(flavor: Flavor) -> None:
    """Raise `BadRequest` for a flavor with disks that no server is given here."""
    for size, what in (
        (f"{flavor.swap_mb} MiB of swap", flavor.swap_mb),
        (f"an ephemeral disk of {flavor.ephemeral_gb} GiB", flavor.ephemeral_gb),
    ):
        if what:
            raise BadRequest(
                f"flavorRef: Flavor {flavor.id} has {size}: this version of the cloud makes only "
                "the root disk. Take a flavor without."
            )
