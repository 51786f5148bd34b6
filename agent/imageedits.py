# SPDX-License-Identifier: Apache-2.0
"""The use cases that change an image's record: patches, tags, and whether its data may be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agent.errors import BadRequest, Forbidden, LimitExceeded, NotFound, OverQuota
from agent.model.identity import Caller
from agent.model.image import Image, ImageStatus
from agent.model.imageedit import Edit, apply_edits
from agent.model.imagenames import check_property_name
from agent.model.imagerules import ImageLimits, check_change, check_owner, viewer_of
from agent.store import Store


@dataclass(frozen=True, slots=True)
class ImageEdits:
    """Changes of images, for a caller.

    Each is one transaction: all of it is done or nothing, and no other change is lost. All raise
    `NotFound` for an image that the caller does not see, `Forbidden` for one that is not its own.
    """

    store: Store
    limits: ImageLimits
    now: Callable[[], datetime]

    def patch(self, caller: Caller, image_id: str, edits: Sequence[Edit]) -> Image:
        """Apply a JSON patch and give the image; raises what `apply_edits` and the rules do."""

        def change(image: Image) -> Image:
            return apply_edits(image, edits)

        return self._edit(caller, image_id, change)

    def add_properties(
        self, caller: Caller, image_id: str, properties: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Set some properties, leave the others, and give all.

        `BadRequest` for a name that none may have, `OverQuota` for too many.
        """
        return self._rewrite(caller, image_id, lambda old: {**old, **properties})

    def replace_properties(
        self, caller: Caller, image_id: str, properties: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Set all properties, so that no other is left; raises what `add_properties` does."""
        return self._rewrite(caller, image_id, lambda old: properties)

    def remove_property(self, caller: Caller, image_id: str, name: str) -> None:
        """Remove a property; `NotFound` when the image has none of this name."""

        def rewrite(old: Mapping[str, str]) -> Mapping[str, str]:
            if name not in old:
                raise NotFound("Invalid metadata key")
            return {key: value for key, value in old.items() if key != name}

        self._rewrite(caller, image_id, rewrite)

    def add_tag(self, caller: Caller, image_id: str, tag: str) -> None:
        """Tag an image; nothing when it has the tag. `LimitExceeded` when it has too many."""

        def change(image: Image) -> Image:
            return replace(image, tags=tuple(dict.fromkeys((*image.tags, tag))))

        self._edit(caller, image_id, change)

    def remove_tag(self, caller: Caller, image_id: str, tag: str) -> None:
        """Take a tag from an image; `NotFound` when it has no such tag."""

        def change(image: Image) -> Image:
            if tag not in image.tags:
                raise NotFound(f"Image {image_id} has no tag '{tag}'.")
            return replace(image, tags=tuple(other for other in image.tags if other != tag))

        self._edit(caller, image_id, change)

    def deactivate(self, caller: Caller, image_id: str) -> None:
        """Keep an image's data from everybody but administrators; nothing when it is kept."""
        self._edit(caller, image_id, lambda image: _switch(image, ImageStatus.DEACTIVATED))

    def reactivate(self, caller: Caller, image_id: str) -> None:
        """Give an image's data out again; nothing when it is given out."""
        self._edit(caller, image_id, lambda image: _switch(image, ImageStatus.ACTIVE))

    def _rewrite(
        self,
        caller: Caller,
        image_id: str,
        rewrite: Callable[[Mapping[str, str]], Mapping[str, str]],
    ) -> Mapping[str, str]:
        """Rewrite the properties as the Compute API does, which has no 413 for too many."""

        def change(image: Image) -> Image:
            properties = rewrite(image.properties)
            for name in properties.keys() - image.properties.keys():
                _check_name(name)
            return replace(image, properties=dict(properties))

        try:
            return self._edit(caller, image_id, change).properties
        except LimitExceeded as error:
            raise OverQuota(error.message) from error

    def _edit(self, caller: Caller, image_id: str, change: Callable[[Image], Image]) -> Image:
        def checked(image: Image) -> Image:
            check_owner(caller, image)
            changed = change(image)
            check_change(caller, image, changed, self.limits)
            return image if changed == image else replace(changed, updated_at=self.now())

        return self.store.images.edit(image_id, viewer=viewer_of(caller), change=checked)


def _check_name(name: str) -> None:
    try:
        check_property_name(name)
    except Forbidden as error:
        raise BadRequest(f"metadata.{name}: {error.message}") from error


def _switch(image: Image, status: ImageStatus) -> Image:
    if image.status not in {ImageStatus.ACTIVE, ImageStatus.DEACTIVATED}:
        raise Forbidden(
            f"status: Image {image.id} is {image.status}: only active and deactivated ones switch."
        )
    return replace(image, status=status)
