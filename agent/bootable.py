# SPDX-License-Identifier: Apache-2.0
"""What images and flavors a server may be made of: looked up for whoever asks, and held together.

Of new servers, of rebuilt and resized ones, and of those that are to be rescued. Nothing is
written here; the store looks once more, in the transaction that writes.
"""

from __future__ import annotations

from agent.asking import Asking
from agent.errors import BadRequest, NotFound
from agent.model.booting import FORMATS, find_boot, find_boot_problem
from agent.model.flavorlist import check_disks
from agent.model.image import Image, ImageStatus
from agent.model.imagerules import viewer_of
from agent.model.server import Flavor
from agent.store import Store

GIB = 2**30

FIELD = "imageRef"
"""Of a request: what names the image, and what an error names."""


def find_flavor(store: Store, asking: Asking, flavor_id: str) -> Flavor:
    """The flavor that a request names; `BadRequest` where the caller may not use it, or nobody."""
    try:
        flavor = store.catalog.get_flavor(flavor_id, project_id=asking.scope)
    except NotFound as error:
        raise BadRequest(f"flavorRef: {error.message}") from error
    check_disks(flavor)
    return flavor


def find_image(store: Store, asking: Asking, image_id: str, *, field: str = FIELD) -> Image:
    """The image that a request names, if the caller may see it; else `BadRequest`."""
    try:
        return store.images.get(image_id, viewer=viewer_of(asking.caller))
    except NotFound as error:
        raise BadRequest(f"{field}: {error.message}") from error


def find_boot_images(
    store: Store, asking: Asking, image: Image, *, field: str = FIELD
) -> tuple[str, ...]:
    """The kernel and RAM disk that an image names: the caller must see them, whole."""
    problem = find_boot_problem(image.properties)
    if problem is not None:
        raise BadRequest(f"{field}: {problem}")
    boot = find_boot(image.properties)
    if boot is None:
        return ()
    for name, disk_format in FORMATS.items():
        wanted = image.properties.get(name)
        if wanted:
            problem_field = f"{field}: Image property {name}"
            _check_boot_image(store, asking, wanted, disk_format, field=problem_field)
    return boot.image_ids


def check_disk_image(image: Image, *, field: str = FIELD) -> None:
    """Raise `BadRequest` unless an image is there with its data, and is a disk."""
    if image.status is not ImageStatus.ACTIVE:
        raise BadRequest(f"{field}: Image {image.id} is not active, it is {image.status}.")
    if image.disk_format in FORMATS.values():
        raise BadRequest(
            f"{field}: Image {image.id} is {image.disk_format}, no disk: name it by the property "
            "kernel_id or ramdisk_id of an image that is one."
        )


def check_size(image: Image, flavor: Flavor) -> None:
    """Raise `BadRequest`, with the numbers, for an image that can't boot on a flavor."""
    if image.min_ram > flavor.ram_mb:
        raise BadRequest(
            f"flavorRef: Flavor's memory is too small for requested image: it has "
            f"{flavor.ram_mb} MiB, the image needs {image.min_ram} MiB."
        )
    if not flavor.disk_gb:
        return
    if image.min_disk > flavor.disk_gb:
        raise BadRequest(
            f"flavorRef: Flavor's disk is too small for requested image: it has "
            f"{flavor.disk_gb} GiB, the image needs {image.min_disk} GiB."
        )
    if (image.virtual_size or 0) > flavor.disk_gb * GIB:
        raise BadRequest(
            f"flavorRef: Flavor's disk is too small for requested image: it has "
            f"{flavor.disk_gb * GIB} bytes, the image is {image.virtual_size} bytes."
        )


def _check_boot_image(
    store: Store, asking: Asking, wanted: str, disk_format: str, *, field: str
) -> None:
    """Raise `BadRequest`, naming the property, unless the image may be booted by."""
    try:
        found = store.images.get(wanted, viewer=viewer_of(asking.caller))
    except NotFound as error:
        raise BadRequest(f"{field}: {error.message}") from error
    if found.disk_format != disk_format:
        raise BadRequest(
            f"{field}: Image {wanted} has disk_format "
            f"{found.disk_format}; it must be {disk_format}."
        )
    if found.status is not ImageStatus.ACTIVE:
        raise BadRequest(f"{field}: Image {wanted} is not active, it is {found.status}.")
