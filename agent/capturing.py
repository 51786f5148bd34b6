# SPDX-License-Identifier: Apache-2.0
"""The use cases of servers that become images: snapshots, backups, and shelving.

The image's record is written with the request, so that its id can be told at once; the rest is the
engine's.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.actions import ACTIONS
from agent.asking import Asking, admission, new_task
from agent.errors import BadRequest, Conflict, Forbidden, LimitExceeded, NotFound, OverQuota
from agent.model.capture import MAKES, Wish, image_of
from agent.model.change import ServerChange
from agent.model.host import check_zone
from agent.model.image import Image
from agent.model.imagenames import check_property_name
from agent.model.imagerules import ImageLimits, check_new
from agent.model.server import Server
from agent.model.states import VmState
from agent.reaching import Engine, check_host
from agent.store import Store
from agent.workflows.capture import BACKUP_TYPE, ROTATION
from agent.workflows.shelve import IMAGE, OFFLOADS

SHELVED = "-shelved"
"""How the name of the image ends that a shelved server's disk is kept in."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an unshelved server is to go; None of a field: what holds for it already."""

    availability_zone: str | None = None  # it is pinned there from now on
    host: str | None = None
    unpins: bool = False  # from its zone: it may go to any from now on


@dataclass(frozen=True, slots=True)
class Capturing:
    """Images of servers, for a caller."""

    store: Store
    limits: ImageLimits
    offload_after_s: float  # of a server that is shelved; 0: at once, negative: never
    zones: Callable[[], Collection[str]]  # those that have a host which takes servers
    hosts: Callable[[], Mapping[str, str]]  # the zone of each host, by its name
    now: Callable[[], datetime]
    engine: Engine

    def create_image(self, asking: Asking, server_id: str, wish: Wish) -> str:
        """Begin to make an image of a server's disk; its id.

        Raises `BadRequest` for metadata that no image can have, `OverQuota`, `NotFound`, `Conflict`
        in Nova's words when the server's state does not allow it, and `HostUnavailable` when
        libvirt is away. Nothing is written then.
        """
        return self._begin(asking, server_id, "createImage", wish, {})

    def create_backup(self, asking: Asking, server_id: str, wish: Wish, rotation: int) -> str:
        """Begin to make a backup, after which no more than `rotation` of its type are kept; its id.

        Raises what `create_image` does.
        """
        args: dict[str, str | int] = {BACKUP_TYPE: wish.backup_type or "", ROTATION: rotation}
        return self._begin(asking, server_id, "createBackup", wish, args)

    def shelve(self, asking: Asking, server_id: str) -> None:
        """Begin to put a server away. Raises what `create_image` does."""
        server = self.store.servers.get(server_id, project_id=asking.scope)
        args = {OFFLOADS: int(self.offload_after_s == 0)}
        self._begin(asking, server_id, "shelve", Wish(f"{server.name}{SHELVED}", {}), args)

    def shelve_offload(self, asking: Asking, server_id: str) -> None:
        """Begin to take a shelved server off its host: `NotFound`, `Conflict`."""
        self._take(asking, server_id, "shelveOffload", {}, ServerChange())

    def unshelve(self, asking: Asking, server_id: str, target: Target | None = None) -> None:
        """Begin to take a server out again, to a zone or host if they are named.

        `NotFound`, `Conflict` (also for a target of a server that has its host still), `BadRequest`
        for a target that is not there, and `Forbidden` for a host that a user names.
        """
        server = self.store.servers.get(server_id, project_id=asking.scope)
        if target is not None:
            self._check_target(asking, server, target)
        args = {IMAGE: server.shelved_image_id or ""}
        self._take(asking, server_id, "unshelve", args, _places(target or Target()))

    def _begin(
        self,
        asking: Asking,
        server_id: str,
        action: str,
        wish: Wish,
        args: Mapping[str, str | int],
    ) -> str:
        server = self.store.servers.get(server_id, project_id=asking.scope)
        check_host(self.engine)
        for key in wish.metadata:
            try:
                check_property_name(key)
            except Forbidden as error:
                raise BadRequest(f"metadata.{key}: {error.message}") from error
        image_id, row, caller = str(uuid.uuid4()), ACTIONS[action], asking.caller
        image = image_of(server, self._base(server), wish, image_id, caller, self.now())
        try:
            check_new(caller, image, self.limits)
            self.store.captures.begin(
                server_id,
                new_task(asking, row, {**args, MAKES: image_id}),
                admission(asking, row),
                image,
                most=self.limits.images,
                members=() if server.project_id == image.owner else (server.project_id,),
                is_shelved=action == "shelve",
                now=self.now(),
            )
        except LimitExceeded as error:
            raise OverQuota(error.message) from error  # the Compute API has no 413 here
        self.engine.wake(server_id)
        return image_id

    def _take(
        self,
        asking: Asking,
        server_id: str,
        action: str,
        args: Mapping[str, str | int],
        change: ServerChange,
    ) -> None:
        row = ACTIONS[action]
        self.store.servers.get(server_id, project_id=asking.scope)
        check_host(self.engine)
        task = new_task(asking, row, args)
        self.store.servers.begin(
            server_id, task, admission(asking, row), change=change, now=self.now()
        )
        self.engine.wake(server_id)

    def _base(self, server: Server) -> Image | None:
        try:
            return self.store.images.get(server.image_id, viewer=None)
        except NotFound:
            return None

    def _check_target(self, asking: Asking, server: Server, target: Target) -> None:
        if target.host is not None and not asking.caller.is_admin:
            raise Forbidden("Policy doesn't allow unshelve to a host: it needs the role admin.")
        if server.vm_state is not VmState.SHELVED_OFFLOADED:
            raise Conflict(
                f"Cannot 'unshelve' instance {server.id} to an availability zone or a host while "
                f"it is in vm_state {server.vm_state}: it has its host still."
            )
        if target.availability_zone is not None:
            check_zone("unshelve.availability_zone", target.availability_zone, self.zones())
        if target.host is not None:
            pinned = None if target.unpins else server.pinned_zone
            self._check_host(target.host, target.availability_zone or pinned)

    def _check_host(self, host: str, zone: str | None) -> None:
        hosts = self.hosts()
        if host not in hosts:
            raise BadRequest(f"unshelve.host: Compute host {host} could not be found.")
        if zone not in {None, hosts[host]}:
            raise BadRequest(
                f"unshelve.host: Host {host} is not in the availability zone {zone}: it is in "
                f"{hosts[host]}."
            )


def _places(target: Target) -> ServerChange:
    """What a target says of where a server may be placed; a host is named for this time only."""
    change = ServerChange(requested_host=target.host)
    if target.unpins or target.availability_zone is not None:
        change["pinned_zone"] = target.availability_zone
    return change
