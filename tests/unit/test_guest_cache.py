# SPDX-License-Identifier: Apache-2.0
"""The cache of guests' images: what is built once, and what is never left behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.lab.apt import Say
from tests.lab.guest_cache import UNUSED_AFTER_S, Draft, Recipe, cached_image

Build = Callable[[Mapping[str, str], Draft, Say], None]


def make_recipe(build: Build, version: str = "1") -> Recipe:
    return Recipe(
        name="toy",
        packages=("toy",),
        find_versions=lambda: {"toy": version},
        files=("guest_cache.py",),
        build=build,
    )


def write_version(versions: Mapping[str, str], draft: Draft, say: Say) -> None:
    say("building")
    (draft.scratch / "between").write_text("gone when it is done")
    (draft.entry / "toy.qcow2").write_text(versions["toy"])


def test_an_image_is_built_once(tmp_path: Path) -> None:
    said: list[str] = []
    first = cached_image(make_recipe(write_version), said.append, tmp_path)
    second = cached_image(make_recipe(write_version), said.append, tmp_path)

    assert first == second
    assert first.read_text() == "1"
    assert said == ["building"]


def test_another_version_of_a_package_is_another_image(tmp_path: Path) -> None:
    old = cached_image(make_recipe(write_version), print, tmp_path)
    new = cached_image(make_recipe(write_version, "2"), print, tmp_path)

    assert (old.read_text(), new.read_text()) == ("1", "2")


def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(versions: Mapping[str, str], draft: Draft, say: Say) -> None:
        write_version(versions, draft, say)
        raise RuntimeError("no space left")

    with pytest.raises(RuntimeError):
        cached_image(make_recipe(fail), print, tmp_path)

    assert sorted(path.name for path in (tmp_path / "toy").iterdir()) == ["lock", "packages"]


def test_what_a_killed_builder_left_goes_before_the_next_build(tmp_path: Path) -> None:
    left = tmp_path / "toy" / "building-abc"
    left.mkdir(parents=True)

    image = cached_image(make_recipe(write_version), print, tmp_path)

    assert not left.exists()
    assert image.exists()


def test_images_and_packages_that_nobody_asks_for_are_removed(tmp_path: Path) -> None:
    old = cached_image(make_recipe(write_version), print, tmp_path).parent
    archive = tmp_path / "toy" / "packages" / "toy_1_all.deb"
    archive.touch()
    for path in (old, archive):
        os.utime(path, times=(0, path.stat().st_mtime - UNUSED_AFTER_S - 1))

    new = cached_image(make_recipe(write_version, "2"), print, tmp_path)

    assert new.exists()
    assert not old.exists()
    assert not archive.exists()
