# SPDX-License-Identifier: Apache-2.0
"""Flavors and images: what a project sees, and changes that expect a status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.image import ImageStatus
from agent.model.server import Flavor
from agent.store import Store
from tests.unit.store.makers import build, later, make_image, make_server, remove, rest


def test_flavors_come_smallest_first(store: Store) -> None:
    large = Flavor("1", "m1.large", 4, 8192, 80, False, "big", {"hw:cpu_policy": "shared"})
    small = Flavor("2", "m1.small", 1, 2048, 20)
    store.catalog.add_flavor(large)
    store.catalog.add_flavor(small)

    assert store.catalog.list_flavors() == [small, large]
    assert store.catalog.get_flavor("1") == large


def test_an_unknown_flavor_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match=r"^Flavor 99 could not be found\.$"):
        store.catalog.get_flavor("99")


def test_a_taken_flavor_name_is_a_conflict(store: Store) -> None:
    store.catalog.add_flavor(Flavor("1", "m1.small", 1, 2048, 20))

    with pytest.raises(Conflict):
        store.catalog.add_flavor(Flavor("2", "m1.small", 1, 2048, 20))


def test_an_image_reads_back_as_it_was_given(store: Store) -> None:
    store.catalog.create_image(make_image())

    assert store.catalog.get_image("image", project_id="blue") == make_image()


def test_an_image_of_a_taken_id_is_a_conflict(store: Store) -> None:
    store.catalog.create_image(make_image())

    with pytest.raises(Conflict):
        store.catalog.create_image(make_image())


def test_a_project_sees_its_own_and_public_images(store: Store) -> None:
    store.catalog.create_image(make_image("own"))
    store.catalog.create_image(make_image("public", owner="red", visibility="public"))
    store.catalog.create_image(make_image("private", owner="red"))
    store.catalog.create_image(make_image("shared", owner="red", visibility="shared"))

    seen = {image.id for image in store.catalog.list_images(project_id="blue")}

    assert seen == {"own", "public"}
    assert store.catalog.get_image("public", project_id="blue").owner == "red"
    with pytest.raises(NotFound, match=r"^No image found with ID private$"):
        store.catalog.get_image("private", project_id="blue")
    assert store.catalog.get_image("private", project_id=None).owner == "red"


def test_images_are_filtered(store: Store) -> None:
    saving = make_image("b", name="debian", status=ImageStatus.SAVING, visibility="public")
    store.catalog.create_image(make_image("a"))
    store.catalog.create_image(saving)
    store.catalog.create_image(make_image("c", os_hidden=True))

    def ids(**wanted: str) -> list[str]:
        images = store.catalog.list_images(
            project_id="blue",
            name=wanted.get("name"),
            status=wanted.get("status"),
            visibility=wanted.get("visibility"),
        )
        return [image.id for image in images]

    assert ids() == ["b", "a"]
    assert ids(name="debian") == ["b"]
    assert ids(status="saving") == ["b"]
    assert ids(visibility="private") == ["a"]
    hidden = store.catalog.list_images(project_id="blue", os_hidden=True)
    assert [image.id for image in hidden] == ["c"]
    some = store.catalog.list_images(project_id="blue", ids=["a", "z"], os_hidden=None)
    assert [image.id for image in some] == ["a"]
    assert store.catalog.list_images(project_id="blue", ids=[]) == []


def test_pages_of_images_are_newest_first(store: Store) -> None:
    for name, age in (("a", 0), ("b", 0), ("c", 1)):
        store.catalog.create_image(make_image(name, created_at=later(age)))

    first = store.catalog.list_images(project_id="blue", limit=2)
    second = store.catalog.list_images(project_id="blue", limit=2, marker="b")

    assert [image.id for image in first] == ["c", "b"]
    assert [image.id for image in second] == ["a"]


def test_an_unseen_image_is_no_marker(store: Store) -> None:
    store.catalog.create_image(make_image("foreign", owner="red"))

    with pytest.raises(BadRequest, match=r"^marker \[foreign\] not found$"):
        store.catalog.list_images(project_id="blue", marker="foreign")


def test_an_update_expects_the_status(store: Store) -> None:
    store.catalog.create_image(make_image(status=ImageStatus.QUEUED))

    refused = store.catalog.update_image(
        "image", expected_status=ImageStatus.SAVING, status=ImageStatus.ACTIVE
    )
    done = store.catalog.update_image(
        "image",
        expected_status=ImageStatus.QUEUED,
        status=ImageStatus.ACTIVE,
        size=7,
        tags=("new",),
        properties={"a": "b"},
        updated_at=later(1),
    )

    assert (refused, done) == (False, True)
    assert store.catalog.get_image("image", project_id=None) == replace(
        make_image(), size=7, tags=("new",), properties={"a": "b"}, updated_at=later(1)
    )


def test_an_update_of_any_status_still_needs_the_image(store: Store) -> None:
    store.catalog.create_image(make_image())

    assert store.catalog.update_image("image", expected_status=None, name="new")
    assert not store.catalog.update_image("other", expected_status=None, name="new")


def test_an_update_of_an_unknown_field_is_a_mistake_of_ours(store: Store) -> None:
    with pytest.raises(TypeError, match=r"^an image has no colour$"):
        store.catalog.update_image("image", expected_status=None, colour="red")


def test_a_deleted_image_is_gone(store: Store) -> None:
    store.catalog.create_image(make_image())

    store.catalog.delete_image("image")

    with pytest.raises(NotFound):
        store.catalog.get_image("image", project_id=None)
    with pytest.raises(NotFound):
        store.catalog.delete_image("image")


def test_an_image_stays_while_a_server_of_it_is_there(store: Store) -> None:
    store.catalog.create_image(make_image("image"))
    server = rest(store, make_server(image_id="image"))

    with pytest.raises(Conflict, match="in use"):
        store.catalog.delete_image("image")

    assert store.catalog.get_image("image", project_id=None).id == "image"
    remove(store, server.id)
    store.catalog.delete_image("image")


def test_an_image_goes_though_other_images_are_in_use(store: Store) -> None:
    store.catalog.create_image(make_image("image"))
    build(store, make_server(image_id="other"))

    store.catalog.delete_image("image")

    with pytest.raises(NotFound):
        store.catalog.get_image("image", project_id=None)
