# SPDX-License-Identifier: Apache-2.0
"""A JSON patch of an image, applied to its record. Pure, and all or nothing.

An edit's value was checked when it was read. What may become of whom is `imagerules`' affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal, TypeAlias

from agent.errors import BadRequest, Conflict, Forbidden
from agent.model.image import Image, Visibility

Verb: TypeAlias = Literal["add", "replace", "remove"]

Value: TypeAlias = str | int | bool | tuple[str, ...] | None

ATTRIBUTES = frozenset(
    {
        *("name", "owner", "visibility", "disk_format", "container_format", "min_disk", "min_ram"),
        *("protected", "os_hidden", "tags"),
    }
)
"""What every image has and its owner may change. All other names are properties."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One operation of a patch."""

    verb: Verb
    name: str  # an attribute's or a property's
    value: Value = None
    position: str | None = None  # of one tag in the list, or "-" behind the last
    only_new: bool = False  # an add of version 2.0 refuses a property that is there


def apply_edits(image: Image, edits: Sequence[Edit]) -> Image:
    """Give the image that a patch makes of an image.

    `Conflict` for a property that is missing (or that is there, for an add of version 2.0),
    `Forbidden` for an attribute that is to be removed, `BadRequest` for a tag that is not there.
    """
    return reduce(_apply, edits, image)


def _apply(image: Image, edit: Edit) -> Image:
    if edit.position is not None:
        return replace(image, tags=_edit_tags(image.tags, edit, edit.position))
    if edit.name in ATTRIBUTES:
        return _edit_attribute(image, edit)
    return replace(image, properties=_edit_properties(image, edit))


def _edit_attribute(image: Image, edit: Edit) -> Image:
    if edit.verb == "remove":
        raise Forbidden(f"{edit.name}: may be changed, but not removed.")
    if isinstance(edit.value, tuple):
        return replace(image, tags=tuple(dict.fromkeys(edit.value)))
    if edit.name == "visibility":
        return replace(image, visibility=Visibility(str(edit.value)))
    changes: dict[str, Any] = {edit.name: edit.value}
    return replace(image, **changes)


def _edit_tags(tags: tuple[str, ...], edit: Edit, position: str) -> tuple[str, ...]:
    changed = list(tags)
    index = len(tags) if position == "-" else int(position)
    if index > len(tags) or (index == len(tags) and edit.verb != "add"):
        raise BadRequest(f"tags: there is no tag number {position}.")
    if edit.verb != "add":
        del changed[index]
    if edit.verb != "remove":
        changed.insert(index, str(edit.value))
    return tuple(dict.fromkeys(changed))


def _edit_properties(image: Image, edit: Edit) -> dict[str, str]:
    changed = dict(image.properties)
    if edit.verb == "add" and edit.only_new and edit.name in changed:
        raise Conflict(f"{edit.name}: the image has this property already.")
    if edit.verb != "add" and edit.name not in changed:
        raise Conflict(f"{edit.name}: the image has no such property.")
    if edit.verb == "remove":
        del changed[edit.name]
    else:
        changed[edit.name] = str(edit.value)
    return changed
