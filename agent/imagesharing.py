# SPDX-License-Identifier: Apache-2.0
"""The use cases of sharing: an owner adds projects to an image, they accept or reject it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.errors import Forbidden
from agent.model.identity import Caller
from agent.model.image import Image, ImageMember, MemberStatus, Visibility
from agent.model.imagerules import ImageLimits, check_owner, viewer_of
from agent.store import Store
from agent.store.imagemembers import no_member


@dataclass(frozen=True, slots=True)
class ImageSharing:
    """Members of images, for a caller. All raise `NotFound` for an image that it does not see."""

    store: Store
    limits: ImageLimits
    now: Callable[[], datetime]

    def add(self, caller: Caller, image_id: str, member_id: str) -> ImageMember:
        """Share an image of one's own with a project, whose answer is pending then.

        `Forbidden` unless the image is shared, `Conflict` for a member, `LimitExceeded`.
        """
        now = self.now()
        member = ImageMember(image_id, member_id, MemberStatus.PENDING, now, now)
        self.store.image_members.add(
            member,
            viewer=viewer_of(caller),
            check=lambda image: _check_sharer(caller, image),
            most=self.limits.members,
        )
        return member

    def list_members(self, caller: Caller, image_id: str) -> Sequence[ImageMember]:
        """All members of an image for its owner, else oneself; `Forbidden` unless it is shared."""
        image = self.store.images.get(image_id, viewer=viewer_of(caller))
        _check_shared(image)
        members = self.store.image_members.list(image_id)
        if caller.is_admin or image.owner == caller.project.id:
            return members
        return [member for member in members if member.member_id == caller.project.id]

    def get(self, caller: Caller, image_id: str, member_id: str) -> ImageMember:
        """One member of an image, for its owner and for the member itself; else `NotFound`."""
        for member in self.list_members(caller, image_id):
            if member.member_id == member_id:
                return member
        raise no_member(image_id, member_id)

    def answer(
        self, caller: Caller, image_id: str, member_id: str, status: MemberStatus
    ) -> ImageMember:
        """Note what a member says to an image, which only itself (or an admin) may say."""

        def check(image: Image) -> None:
            _check_shared(image)
            if caller.is_admin or member_id == caller.project.id:
                return
            if image.owner == caller.project.id:
                raise Forbidden("status: only the member itself may change it.")
            raise no_member(image_id, member_id)

        return self.store.image_members.set_status(
            image_id,
            member_id,
            status,
            viewer=viewer_of(caller),
            check=check,
            now=self.now(),
        )

    def remove(self, caller: Caller, image_id: str, member_id: str) -> None:
        """Share an image of one's own with a project no longer."""
        self.store.image_members.remove(
            image_id,
            member_id,
            viewer=viewer_of(caller),
            check=lambda image: _check_sharer(caller, image),
        )


def _check_sharer(caller: Caller, image: Image) -> None:
    check_owner(caller, image)
    _check_shared(image)


def _check_shared(image: Image) -> None:
    if image.visibility is not Visibility.SHARED:
        raise Forbidden(
            f"visibility: Image {image.id} is {image.visibility}: no image but a "
            "shared one has members."
        )
