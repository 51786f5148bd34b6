# SPDX-License-Identifier: Apache-2.0
"""Who may do what to an image, and what an image may be made: the rules of create and update."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import BadRequest, Forbidden, LimitExceeded
from agent.model.identity import Caller
from agent.model.image import Image, ImageStatus, Visibility
from agent.model.injection import find_limit_problem
from agent.model.password import find_account_problem

FORMATS = ("disk_format", "container_format")

AMAZON = ("ami", "aki", "ari")
"""Formats that are containers of their own as well."""

PROPERTY_BYTES = 64 * 1024
"""Of all names and values of one image's properties, in UTF-8: a list holds many images."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How many images a project may have, and how many parts one image."""

    properties: int
    images: int = 100  # of one project; -1: no limit
    tags: int = 128
    members: int = 128


def has_controls(text: str) -> bool:
    """Whether control characters are in a text: line ends, ESC, NUL and their like."""
    return any(unicodedata.category(sign) == "Cc" for sign in text)


def viewer_of(caller: Caller) -> str | None:
    """Whose eyes a caller sees images with: its project's, or None for those that see all."""
    return None if caller.is_admin else caller.project.id


def check_owner(caller: Caller, image: Image) -> None:
    """Raise `Forbidden` unless the caller may change the image that it sees."""
    if image.owner != caller.project.id and not caller.is_admin:
        raise Forbidden(f"Image {image.id} belongs to another project.")


def check_new(caller: Caller, image: Image, limits: ImageLimits) -> None:
    """Hold an image that is to be registered against the rules; an error names the attribute."""
    if image.visibility is Visibility.PUBLIC:
        _check_publisher(caller)
    if image.owner != caller.project.id and not caller.is_admin:
        raise Forbidden("owner: an image is always its maker's project's.")
    _check_texts(image, None)
    _check_counts(image, 0, 0, limits)
    _check_properties(image.properties, 0)


def check_change(caller: Caller, before: Image, after: Image, limits: ImageLimits) -> None:
    """Hold a change of an image against the rules; an error names the attribute."""
    if after.visibility is Visibility.PUBLIC and before.visibility is not Visibility.PUBLIC:
        _check_publisher(caller)
    if after.owner != before.owner and not caller.is_admin:
        raise Forbidden("owner: only an administrator may give an image to another project.")
    if not after.owner:
        raise BadRequest("owner: must be the id of a project.")
    for name in FORMATS:
        changed = getattr(after, name) != getattr(before, name)
        if changed and before.status is not ImageStatus.QUEUED:
            raise Forbidden(f"{name}: can be changed only while the image is queued.")
    _check_texts(after, before)
    _check_counts(after, len(before.properties), len(before.tags), limits)
    _check_properties(after.properties, _bytes_of(before.properties))


def check_formats(image: Image) -> None:
    """Hold an image that is to get its bytes against what is taken.

    `BadRequest` unless both formats are set, and the container is none that the bytes would lie in:
    nothing here takes a disk out of an archive.
    """
    disk_format, container_format = image.disk_format, image.container_format
    if disk_format is None or container_format is None:
        raise BadRequest("disk_format and container_format must be set before the data come.")
    taken = {"bare", disk_format} if disk_format in AMAZON else {"bare"}
    if container_format not in taken:
        raise BadRequest(
            f"container_format: '{container_format}' around {disk_format} is not accepted here, "
            "only bare (and ami, aki and ari for disk_format of the same name). Take the disk out "
            "of it, set container_format to bare, and send the disk."
        )


def _check_publisher(caller: Caller) -> None:
    if not caller.is_admin:
        raise Forbidden("visibility: only an administrator may make an image public.")


def _check_texts(image: Image, before: Image | None) -> None:
    """Refuse new names and tags that would do something to the terminal that shows them."""
    old = {before.name, *before.tags, *before.properties} if before else set()
    texts = (
        ("name", [image.name or ""]),
        ("tags", image.tags),
        ("a property's name", image.properties),
    )
    for name, given in texts:
        if any(has_controls(text) for text in given if text not in old):
            raise BadRequest(f"{name}: must have no control characters, as line ends are.")


def _check_counts(image: Image, properties: int, tags: int, limits: ImageLimits) -> None:
    """Refuse more parts than the limits allow, unless there were as many before."""
    counts = (
        ("properties", len(image.properties), properties, limits.properties),
        ("tags", len(image.tags), tags, limits.tags),
    )
    for name, count, had, most in counts:
        if count > max(most, had):
            raise LimitExceeded(
                f"{name}: The limit has been exceeded on the number of allowed image {name}: "
                f"{count} were given, {most} are allowed."
            )


def _check_properties(properties: Mapping[str, str], had: int) -> None:
    """Refuse properties that are too large, unless they were before, or that mean nothing."""
    size = _bytes_of(properties)
    if size > max(PROPERTY_BYTES, had):
        raise LimitExceeded(
            f"properties: the names and values of an image's properties may have {PROPERTY_BYTES} "
            f"bytes together, and these have {size}. Leave some out, or make them shorter."
        )
    problem = find_limit_problem(properties) or find_account_problem(properties)
    if problem is not None:
        raise BadRequest(problem)


def _bytes_of(properties: Mapping[str, str]) -> int:
    return sum(len(text.encode()) for pair in properties.items() for text in pair)
