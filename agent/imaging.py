# SPDX-License-Identifier: Apache-2.0
"""The use cases of images: register, upload, look, download, delete.

An image's record is `queued` until its bytes come, `saving` while they do, `active` when they have
been checked, and never changes its bytes again: servers stand on them. It may be deleted at any
time; an upload then ends with an error and leaves nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO, Protocol

from agent.errors import AgentError, BadRequest, Conflict, Forbidden, NotFound
from agent.model.capture import MAKES
from agent.model.identity import Caller
from agent.model.image import Image, ImageStatus, Visibility
from agent.model.imagequery import EVERY_IMAGE, Condition, ImageQuery
from agent.model.imagerules import (
    ImageLimits,
    check_formats,
    check_new,
    check_owner,
    viewer_of,
)
from agent.store import Store

HAVE_DATA = frozenset({ImageStatus.ACTIVE, ImageStatus.DEACTIVATED})
LOOK_EVERY_BYTES = 16 * 2**20  # of an upload: whether its image is still wanted


@dataclass(frozen=True, slots=True)
class Received:
    """What came of an upload."""

    size: int  # bytes
    virtual_size: int  # bytes of the disk inside
    checksum: str  # MD5
    sha512: str

    def fields(self) -> Mapping[str, str | int]:
        """What the record of an active image says of its bytes."""
        return {
            "size": self.size,
            "virtual_size": self.virtual_size,
            "checksum": self.checksum,
            "os_hash_algo": "sha512",
            "os_hash_value": self.sha512,
        }


class ImageBytes(Protocol):
    """What the use cases ask of the image files. Every method may block."""

    def receive(self, image_id: str, stream: Iterable[bytes], disk_format: str) -> Received:
        """Store and check an image's bytes; an error leaves nothing behind."""
        ...

    def is_receiving(self, image_id: str) -> bool:
        """Whether some process is taking an image's bytes now."""
        ...

    def list_ids(self) -> AbstractSet[str]:
        """The ids of all images that have files here, and on which no server stands."""
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
    visibility: str = "shared"  # a `Visibility`
    owner: str | None = None  # None: the caller's project
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
    limits: ImageLimits
    now: Callable[[], datetime]

    def create(self, caller: Caller, request: CreateImage) -> Image:
        """Register an image that waits for its bytes.

        Raises what `check_new` does, `Conflict` when the id is taken, and `LimitExceeded` when its
        owner has as many images as a project may have.
        """
        now = self.now()
        image = Image(
            id=request.id or str(uuid.uuid4()),
            name=request.name,
            owner=request.owner or caller.project.id,
            status=ImageStatus.QUEUED,
            visibility=Visibility(request.visibility),
            created_at=now,
            updated_at=now,
            disk_format=request.disk_format,
            container_format=request.container_format,
            min_disk=request.min_disk,
            min_ram=request.min_ram,
            protected=request.protected,
            os_hidden=request.os_hidden,
            tags=tuple(dict.fromkeys(request.tags)),
            properties=request.properties,
        )
        check_new(caller, image, self.limits)
        if request.id is not None and self.files.is_receiving(image.id):
            raise Conflict(f"Image {image.id} was just deleted: its upload has not ended yet.")
        self.store.images.create(image, most=self.limits.images)
        return image

    def upload(
        self,
        caller: Caller,
        image_id: str,
        stream: Iterable[bytes],
        *,
        size: int | None = None,
    ) -> None:
        """Take an image's bytes, of this size if one is promised, and check them. Blocks.

        On any failure the image waits for bytes again; `NotFound` when it was deleted meanwhile.
        """
        disk_format = self._begin_saving(caller, image_id)
        received = None
        try:
            wanted = self._while_wanted(image_id, _of_size(stream, size))
            received = self.files.receive(image_id, wanted, disk_format)
        except AgentError:
            self._check_wanted(image_id)  # else that is why
            raise
        finally:
            if received is None:
                self._change(image_id, ImageStatus.SAVING, status=ImageStatus.QUEUED)
        changed = self._change(
            image_id, ImageStatus.SAVING, status=ImageStatus.ACTIVE, **received.fields()
        )
        if not changed:
            self.files.delete(image_id)
            raise _deleted_meanwhile(image_id)

    def recover(self) -> None:
        """Clear what died with a process: uploads wait for their bytes again, deletions are ended.

        A record goes before its file, so a file without one is left over. Images of servers are
        made on by their tasks.
        """
        there = self.files.list_ids()  # first: whoever is new has its record before its file
        known = {image.id for image in self.store.images.list(EVERY_IMAGE, viewer=None)}
        for image_id in there - known:
            self.files.delete(image_id)
        made = {task.args.get(MAKES) for task in self.store.tasks.list_open_tasks()}
        saving = Condition("status", "eq", ImageStatus.SAVING.value)
        query = replace(EVERY_IMAGE, conditions=(saving,))
        for image in self.store.images.list(query, viewer=None):
            if image.id not in made and not self.files.is_receiving(image.id):
                self.files.delete(image.id)  # it may have died when all was there
                self._change(image.id, ImageStatus.SAVING, status=ImageStatus.QUEUED)

    def list_images(self, caller: Caller, query: ImageQuery | None = None) -> Sequence[Image]:
        """The images that are wanted, of those that the caller sees; `BadRequest` for a marker."""
        return self.store.images.list(query or ImageQuery(), viewer=viewer_of(caller))

    def get(self, caller: Caller, image_id: str) -> Image:
        """One image; `NotFound` when the caller may not see it."""
        return self.store.images.get(image_id, viewer=viewer_of(caller))

    def download(self, caller: Caller, image_id: str) -> tuple[Image, BinaryIO]:
        """An image with its open bytes.

        `Conflict` while it has none; `Forbidden` when deactivated, but for administrators.
        """
        image = self.get(caller, image_id)
        if image.status is ImageStatus.DEACTIVATED and not caller.is_admin:
            raise Forbidden(f"Image {image_id} is deactivated: its data can't be had now.")
        if image.status not in HAVE_DATA:
            raise Conflict(f"Image {image_id} has no data: it is {image.status}.")
        return image, self.files.open(image_id)

    def delete(self, caller: Caller, image_id: str) -> None:
        """Remove an image; `Forbidden` when protected, `Conflict` while servers stand on it."""

        def check(image: Image) -> None:
            check_owner(caller, image)
            if image.protected:
                raise Forbidden(f"protected: Image {image_id} is protected and cannot be deleted.")

        self.store.images.delete(image_id, viewer=viewer_of(caller), check=check)
        self.files.delete(image_id)

    def _begin_saving(self, caller: Caller, image_id: str) -> str:
        """Let an image take data, and give its disk format: from now on nobody changes it."""

        def begin(image: Image) -> Image:
            check_owner(caller, image)
            check_formats(image)
            if image.status is not ImageStatus.QUEUED:
                raise Conflict(f"Image {image.id} takes data only while it is queued.")
            return replace(image, status=ImageStatus.SAVING, updated_at=self.now())

        image = self.store.images.edit(image_id, viewer=viewer_of(caller), change=begin)
        return image.disk_format or ""

    def _while_wanted(self, image_id: str, stream: Iterable[bytes]) -> Iterator[bytes]:
        """Pass a stream on until its image is deleted."""
        unseen = 0
        for chunk in stream:
            yield chunk
            unseen += len(chunk)
            if unseen >= LOOK_EVERY_BYTES:
                unseen = 0
                self._check_wanted(image_id)

    def _check_wanted(self, image_id: str) -> None:
        try:
            self.store.images.get(image_id, viewer=None)
        except NotFound:
            raise _deleted_meanwhile(image_id) from None

    def _change(self, image_id: str, expected: ImageStatus, **changes: object) -> bool:
        return self.store.images.update(
            image_id, expected_status=expected, updated_at=self.now(), **changes
        )


def _of_size(stream: Iterable[bytes], size: int | None) -> Iterator[bytes]:
    """Pass a stream on; `BadRequest` at its end when it is not of the size that was promised."""
    got = 0
    for chunk in stream:
        got += len(chunk)
        yield chunk
    if size is not None and got != size:
        raise BadRequest(f"x-openstack-image-size: {size} bytes were promised, {got} came.")


def _deleted_meanwhile(image_id: str) -> NotFound:
    return NotFound(f"Image {image_id} was deleted while its data came.")
