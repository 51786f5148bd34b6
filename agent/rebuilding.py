# SPDX-License-Identifier: Apache-2.0
"""The use case of a rebuild: a server's disk made anew of an image, and its guest told anew.

What is not said stays as it was: name, metadata, key, user data. Files are given only to the guest
for which they are sent, and the password is always a new one (the standard's rules).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.actions import ACTIONS
from agent.adminpass import AdminPass
from agent.asking import Asking, admission, new_task
from agent.bootable import check_disk_image, check_size, find_boot_images, find_image
from agent.errors import BadRequest, NotFound
from agent.model.booting import KERNEL, RAMDISK
from agent.model.image import Image
from agent.model.injection import FileLimits, InjectedFile, Injection, check_files
from agent.model.keypair import check_lets_in
from agent.model.record import RecordChange
from agent.model.server import Server
from agent.reaching import Engine, check_host
from agent.store import Store
from agent.workflows.password import REFUSED
from agent.workflows.rebuild import IMAGE_ID, IMAGE_PROPERTIES


@dataclass(frozen=True, slots=True)
class RebuildServer:
    """A rebuild request, parsed: its fields are well-formed, what they name may not exist."""

    image_id: str
    record: RecordChange = field(default_factory=lambda: RecordChange(), repr=False)
    key_name: str | None = None
    changes_key: bool = False  # to `key_name`; else the key stays
    files: tuple[InjectedFile, ...] = ()
    admin_pass: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RebuiltServer:
    """A server that is being rebuilt, and the only chance to learn its password."""

    server: Server
    admin_pass: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """Rebuilds servers, for a caller."""

    store: Store
    file_limits: Callable[[str], FileLimits]  # of a project, by its id
    admin_pass: AdminPass
    now: Callable[[], datetime]
    engine: Engine

    def rebuild(self, asking: Asking, server_id: str, request: RebuildServer) -> RebuiltServer:
        """Write what the server is to be and the task of it, and wake the engine.

        Raises `NotFound`, `BadRequest` for an image, key or file that does not fit, `OverQuota`,
        `Conflict` in Nova's words, and `HostUnavailable` when libvirt is away. Nothing is written
        then.
        """
        check_host(self.engine)
        server = self.store.servers.get(server_id, project_id=asking.scope)
        image = find_image(self.store, asking, request.image_id)
        check_disk_image(image)
        check_size(image, server.flavor)
        boot_ids = find_boot_images(self.store, asking, image)
        limits = self.file_limits(server.project_id)
        check_files(request.files, limits.of_image(image.properties))
        password = self.admin_pass.choose(request.admin_pass, image.properties)
        args = _args(image) | ({REFUSED: password.refused} if password.refused else {})
        row = ACTIONS["rebuild"]
        taken = self.store.reshaping.begin_rebuild(
            server_id,
            new_task(asking, row, args),
            admission(asking, row),
            record=self._record(server, request),
            injection=Injection(request.files, password.credential),
            image_ids=[image.id, *boot_ids],
            now=self.now(),
        )
        self.engine.wake(server_id)
        shown = replace(taken, image_id=image.id, image_properties=image.properties)
        return RebuiltServer(shown, password.clear)

    def _record(self, server: Server, request: RebuildServer) -> RecordChange:
        record = request.record.copy()
        if not request.changes_key:
            return record
        record["key_name"] = record["public_key"] = None
        if request.key_name is not None:
            try:
                key = self.store.keypairs.get(server.user_id, request.key_name)
            except NotFound as error:
                raise BadRequest("Invalid key_name provided.") from error
            check_lets_in(key)
            record["key_name"], record["public_key"] = key.name, key.public_key
        return record


def _args(image: Image) -> dict[str, str]:
    """What the task keeps of the new image, and by which the store knows that it is needed."""
    boot = {name: image.properties[name] for name in (KERNEL, RAMDISK) if name in image.properties}
    return {**boot, IMAGE_ID: image.id, IMAGE_PROPERTIES: json.dumps(dict(image.properties))}
