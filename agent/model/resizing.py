# SPDX-License-Identifier: Apache-2.0
"""From which flavor a server may be resized to which: pure rules, in Nova's words."""

from __future__ import annotations

from agent.errors import BadRequest
from agent.model.server import Flavor


def check_resize(old: Flavor, new: Flavor) -> None:
    """Raise `BadRequest` unless a server of the old flavor may get the new one.

    Its disk can't shrink: what a guest has at its end would be cut off.
    """
    if new.id == old.id:
        raise BadRequest("When resizing, instances must change flavor!")
    if old.disk_gb and not new.disk_gb:
        raise BadRequest(
            f"flavorRef: Resize to zero disk flavor is not allowed: flavor {new.name} has no size "
            "of its own for the disk."
        )
    if new.disk_gb < old.disk_gb:
        raise BadRequest(
            f"flavorRef: Unable to resize disk down: the server has {old.disk_gb} GiB, flavor "
            f"{new.name} has {new.disk_gb} GiB."
        )
