# SPDX-License-Identifier: Apache-2.0
"""The part of the composition root that images need: the command line wires no more than this."""

from __future__ import annotations

from agent.basecache import BaseCache
from agent.captures import DiskCaptures
from agent.config import Config
from agent.downloads import Downloads
from agent.engine.clock import Clock
from agent.images import ImageFiles
from agent.imaging import Imaging
from agent.model.imagerules import ImageLimits
from agent.model.layout import Layout
from agent.model.webaddress import Allowed
from agent.storage import GIB, LocalImages
from agent.store import Store


def build_imaging(config: Config, store: Store, clock: Clock) -> Imaging:
    """Wire the use cases of images: the command line needs no more than these."""
    return Imaging(store, build_files(config, store), image_limits(config), clock.now)


def build_downloads(config: Config, store: Store, clock: Clock, allowed: Allowed) -> Downloads:
    """Wire what works on the queue of imports."""
    return Downloads(
        store, build_files(config, store), allowed, config.limits.image_gb * GIB, clock.now
    )


def build_files(config: Config, store: Store) -> LocalImages:
    """Wire the images' bytes."""
    layout = Layout(config.state_dir)
    bases = build_bases(config, store)
    return LocalImages(ImageFiles(layout.images), layout, bases, config.limits.image_gb * GIB)


def build_bases(config: Config, store: Store) -> BaseCache:
    """Wire the cache of what servers stand on."""
    return BaseCache(
        Layout(config.state_dir),
        store.servers.list_used_images,
        max_bytes=config.limits.base_cache_gb * GIB,
        keep_free_bytes=int(config.capacity.reserved_disk_gb * GIB),
    )


def image_limits(config: Config) -> ImageLimits:
    """Say how many images a project may have, and how many parts one."""
    return ImageLimits(config.limits.image_metadata, config.quota.images)


def build_captures(config: Config, store: Store, clock: Clock) -> DiskCaptures:
    """Wire what makes images of servers' disks."""
    return DiskCaptures(
        store,
        build_files(config, store),
        Layout(config.state_dir),
        config.capacity.reserved_disk_gb,
        clock.now,
    )
