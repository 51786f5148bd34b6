# SPDX-License-Identifier: Apache-2.0
"""The use cases of images: register, upload, look, download, delete.

An image's record is `queued` until its bytes come, `saving` while they do, `active` when they have
been checked, and never changes its bytes again: servers stand on them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from agent.errors import BadRequest, Conflict, Forbidden
from agent.model.identity import Caller
from agent.model.image import Image, ImageStatus
from agent.model.injection import find_limit_problem
from agent.model.password import find_account_problem
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Received:
    """What came of an upload."""

    size: int  # bytes
    virtual_size: int  # bytes of the disk inside
    checksum: str  # MD5
    sha512: str


class ImageBytes(Protocol):
    """What the use cases ask of the image files. Every method may block."""

    def receive(self, image_id: str, stream: Iterable[bytes], disk_format: str) -> Received:
        """Store and check an image's bytes; an error leaves nothing behind."""
        ...

    def is_receiving(self, image_id: str) -> bool:
        """Whether some process is taking an image's bytes now."""
        ...

    def open(self, image_id: str) -> BinaryIO:
        """Open an image's bytes for reading."""
        ...

    def delete(self, image_id: str) -> None:
        """Remove an image's bytes; nothing when there are none."""
        ...


@dataclass(frozen=True, slots=True)
class CreateImage:
    """A create request, parsed."""

    name: str | None
    id: str | None = None
    disk_format: str | None = None
    container_format: str | None = None
    visibility: str = "shared"
    min_disk: int = 0  # GiB
    min_ram: int = 0  # MiB
    protected: bool = False
    os_hidden: bool = False
    tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imaging:
    """Images, for a caller."""

    store: Store
    files: ImageBytes
    now: Callable[[], datetime]

    def create(self, caller: Caller, request: CreateImage) -> Image:
        """Register an image that waits for its bytes; only an admin may make one public.

        `BadRequest` for a property of ours that can't be read.
        """
        if request.visibility == "public" and not caller.is_admin:
            raise Forbidden("visibility: only an administrator may make an image public.")
        properties = request.properties
        problem = find_limit_problem(properties) or find_account_problem(properties)
        if problem is not None:
            raise BadRequest(problem)
        now = self.now()
        image = Image(
            id=request.id or str(uuid.uuid4()),
            name=request.name,
            owner=caller.project.id,
            status=ImageStatus.QUEUED,
            visibility=request.visibility,
            created_at=now,
            updated_at=now,
            disk_format=request.disk_format,
            container_format=request.container_format,
            min_disk=request.min_disk,
            min_ram=request.min_ram,
            protected=request.protected,
            os_hidden=request.os_hidden,
            tags=request.tags,
            properties=request.properties,
        )
        self.store.catalog.create_image(image)
        return image

    def upload(self, caller: Caller, image_id: str, stream: Iterable[bytes]) -> None:
        """Take an image's bytes and check them; on any failure it waits for bytes again. Blocks."""
        image = self._own(caller, image_id)
        if image.disk_format is None or image.container_format is None:
            raise BadRequest("disk_format and container_format must be set before the upload.")
        self._begin_saving(image)
        received = None
        try:
            received = self.files.receive(image_id, stream, image.disk_format)
        finally:
            if received is None:
                self._change(image_id, ImageStatus.SAVING, status=ImageStatus.QUEUED)
        changed = self._change(
            image_id,
            ImageStatus.SAVING,
            status=ImageStatus.ACTIVE,
            size=received.size,
            virtual_size=received.virtual_size,
            checksum=received.checksum,
            os_hash_algo="sha512",
            os_hash_value=received.sha512,
        )
        if not changed:  # deleted meanwhile
            self.files.delete(image_id)
            raise Conflict(f"Image {image_id} was deleted while its data came.")

    def recover(self) -> None:
        """Let images whose upload died with its process wait for their bytes again."""
        saving = ImageStatus.SAVING
        for image in self.store.catalog.list_images(project_id=None, status=saving, os_hidden=None):
            if not self.files.is_receiving(image.id):
                self._change(image.id, saving, status=ImageStatus.QUEUED)

    def list_images(
        self,
        caller: Caller,
        *,
        name: str | None = None,
        status: str | None = None,
        visibility: str | None = None,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Sequence[Image]:
        """A page of the images that the caller sees, newest first."""
        return self.store.catalog.list_images(
            project_id=caller.project.id,
            name=name,
            status=status,
            visibility=visibility,
            ids=ids,
            limit=limit,
            marker=marker,
        )

    def get(self, caller: Caller, image_id: str) -> Image:
        """One image; `NotFound` when the caller may not see it."""
        return self.store.catalog.get_image(image_id, project_id=caller.project.id)

    def download(self, caller: Caller, image_id: str) -> tuple[Image, BinaryIO]:
        """An image with its open bytes; `Conflict` while it has none."""
        image = self.get(caller, image_id)
        if image.status is not ImageStatus.ACTIVE:
            raise Conflict(f"Image {image_id} has no data: it is {image.status}.")
        return image, self.files.open(image_id)

    def delete(self, caller: Caller, image_id: str) -> None:
        """Remove an image; `Forbidden` when protected, `Conflict` while servers stand on it."""
        image = self._own(caller, image_id)
        if image.protected:
            raise Forbidden(f"Image {image_id} is protected and cannot be deleted.")
        self.store.catalog.delete_image(image_id)
        self.files.delete(image_id)

    def _own(self, caller: Caller, image_id: str) -> Image:
        image = self.get(caller, image_id)
        if image.owner != caller.project.id and not caller.is_admin:
            raise Forbidden(f"Image {image_id} belongs to another project.")
        return image

    def _begin_saving(self, image: Image) -> None:
        if not self._change(image.id, ImageStatus.QUEUED, status=ImageStatus.SAVING):
            raise Conflict(f"Image {image.id} takes data only while it is queued.")

    def _change(self, image_id: str, expected: ImageStatus, **changes: object) -> bool:
        return self.store.catalog.update_image(
            image_id, expected_status=expected, updated_at=self.now(), **changes
        )
