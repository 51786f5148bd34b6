# SPDX-License-Identifier: Apache-2.0
"""Images' records: what a project sees of them, how they are listed, changes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from agent.errors import BadRequest, Conflict, Forbidden, LimitExceeded, NotFound
from agent.model.image import Image, ImageMember, ImageStatus, MemberStatus, Visibility
from agent.model.imagequery import EVERY_IMAGE, Condition, ImageQuery
from agent.model.sorting import SortKey
from agent.store import Store
from tests.unit.store.makers import NOW, build, later, make_image, make_server, remove, rest


def allow(image: Image) -> None:
    """A check that has nothing against it."""


def refuse(image: Image) -> None:
    raise Forbidden("no")


def share(store: Store, image_id: str, member_id: str, status: str = "pending") -> None:
    member = ImageMember(image_id, member_id, MemberStatus(status), NOW, NOW)
    store.image_members.add(member, viewer=None, check=allow, most=9)


def ids(store: Store, viewer: str | None = "blue", **wanted: Any) -> list[str]:
    return [image.id for image in store.images.list(ImageQuery(**wanted), viewer=viewer)]


def test_an_image_reads_back_as_it_was_given(store: Store) -> None:
    store.images.create(make_image())

    assert store.images.get("image", viewer="blue") == make_image()


def test_an_image_of_a_taken_id_is_a_conflict(store: Store) -> None:
    store.images.create(make_image())

    with pytest.raises(Conflict):
        store.images.create(make_image())


def test_a_project_has_so_many_images_at_most(store: Store) -> None:
    store.images.create(make_image("one"), most=1)

    with pytest.raises(LimitExceeded, match="already used 1 of 1 images"):
        store.images.create(make_image("two"), most=1)
    store.images.create(make_image("of another", owner="red"), most=1)
    store.images.create(make_image("two"), most=-1)

    assert {image.id for image in store.images.list(EVERY_IMAGE, viewer=None)} == {
        *("one", "two", "of another")
    }


@pytest.fixture
def gallery(store: Store) -> Store:
    """Images of red of each visibility, and one of blue, who may see some of red's."""
    store.images.create(make_image("own", visibility="community"))
    for visibility in ("public", "private", "community", "shared"):
        store.images.create(make_image(visibility, owner="red", visibility=visibility))
    for status in ("pending", "accepted", "rejected"):
        store.images.create(make_image(status, owner="red", visibility="shared"))
        share(store, status, "blue", status)
    store.images.create(make_image("once shared", owner="red", visibility="shared"))
    share(store, "once shared", "blue", "accepted")
    store.images.update("once shared", expected_status=None, visibility=Visibility.PRIVATE)
    return store


def test_a_project_sees_its_own_and_what_is_open_or_shared_with_it(gallery: Store) -> None:
    seen = {"own", "public", "community", "pending", "accepted", "rejected"}

    for image_id in seen:
        assert gallery.images.get(image_id, viewer="blue").id == image_id
    for image_id in ("private", "shared", "once shared"):
        with pytest.raises(NotFound, match=rf"^No image found with ID {image_id}$"):
            gallery.images.get(image_id, viewer="blue")
        assert gallery.images.get(image_id, viewer=None).owner == "red"


@pytest.mark.parametrize(
    ("wanted", "listed"),
    [
        ({}, "accepted own public"),
        ({"visibility": "all"}, "accepted community own public"),
        ({"visibility": "public"}, "public"),
        ({"visibility": "community"}, "community own"),
        ({"visibility": "private"}, ""),
        ({"visibility": "shared"}, "accepted"),
        ({"visibility": "shared", "member_status": MemberStatus.PENDING}, "pending"),
        ({"visibility": "shared", "member_status": MemberStatus.REJECTED}, "rejected"),
        ({"visibility": "shared", "member_status": None}, "accepted pending rejected"),
    ],
)
def test_what_a_list_shows_of_other_projects(
    gallery: Store, wanted: dict[str, Any], listed: str
) -> None:
    assert sorted(ids(gallery, **wanted)) == listed.split()


def test_an_owner_and_an_administrator_list_all_shared_images(gallery: Store) -> None:
    shared = ["accepted", "pending", "rejected", "shared"]

    assert sorted(ids(gallery, "red", visibility="shared")) == shared
    assert sorted(ids(gallery, None, visibility="shared")) == shared
    assert len(gallery.images.list(EVERY_IMAGE, viewer=None)) == 9
    assert "community" not in ids(gallery, None)


CONDITIONS: list[tuple[str, str, Any, str]] = [
    ("name", "eq", "debian", "b"),
    ("name", "in", ["debian", "cirros", "none"], "abc"),
    ("status", "eq", "saving", "b"),
    ("status", "in", ["saving", "queued"], "bc"),
    ("id", "in", ["a", "z"], "a"),
    ("id", "in", [], ""),
    ("size", "gte", 7, "bc"),
    ("size", "lte", 7, "b"),
    ("protected", "eq", True, "c"),
    ("created_at", "eq", NOW.replace(microsecond=0), "a"),
    ("created_at", "neq", NOW.replace(microsecond=0), "bc"),
    ("created_at", "gt", NOW.replace(microsecond=0), "bc"),
    ("created_at", "gte", NOW.replace(microsecond=0), "abc"),
    ("created_at", "lt", NOW.replace(microsecond=0) + timedelta(seconds=1), "a"),
    ("created_at", "lte", NOW.replace(microsecond=0) + timedelta(seconds=1), "ab"),
]


@pytest.mark.parametrize(("field", "operator", "value", "found"), CONDITIONS)
def test_images_are_filtered_by_their_fields(
    store: Store, field: str, operator: Any, value: Any, found: str
) -> None:
    store.images.create(make_image("a", size=None))
    store.images.create(
        make_image("b", name="debian", status=ImageStatus.SAVING, created_at=later(1), size=7)
    )
    store.images.create(
        make_image("c", status=ImageStatus.QUEUED, created_at=later(2), size=8, protected=True)
    )

    condition = Condition(field, operator, value)

    assert sorted(ids(store, conditions=(condition,))) == list(found)


def test_images_are_filtered_by_tags_properties_and_being_hidden(store: Store) -> None:
    store.images.create(make_image("a", tags=("x", "y"), properties={"os": "linux"}))
    store.images.create(make_image("b", tags=("x",), properties={"os": "bsd", "arch": "arm"}))
    store.images.create(make_image("c", tags=("x", "y"), os_hidden=True, properties={}))

    assert ids(store, tags=("x",)) == ["b", "a"]
    assert ids(store, tags=("y", "x")) == ["a"]
    assert ids(store, tags=("x",), limit=1) == ["b"]
    assert ids(store, properties={"os": "bsd", "arch": "arm"}) == ["b"]
    assert ids(store, properties={'quote"': "'"}) == []
    assert ids(store, os_hidden=True) == ["c"]
    assert ids(store, os_hidden=None) == ["c", "b", "a"]


def test_pages_are_newest_first(store: Store) -> None:
    for name, age in (("a", 0), ("b", 0), ("c", 1)):
        store.images.create(make_image(name, created_at=later(age)))

    assert ids(store, limit=2) == ["c", "b"]
    assert ids(store, limit=2, marker="b") == ["a"]
    assert ids(store, limit=0) == []


def test_pages_of_every_order_have_each_image_once(store: Store) -> None:
    sizes, names = (None, None, 1, 2), ("x", "x", "y")
    for number, size in enumerate(sizes):
        for name in names:
            image_id = f"{name}{number}{len(ids(store))}"
            store.images.create(make_image(image_id, name=name, size=size))
    fields = ("size", "name", "disk_format", "id")

    for order in permutations(fields, 2):
        for descending in ((True, True), (True, False), (False, True), (False, False)):
            sort = tuple(map(SortKey, order, descending))
            whole = ids(store, sort=sort)
            paged: list[str] = []
            while page := ids(store, sort=sort, limit=5, marker=paged[-1] if paged else None):
                paged += page
            assert paged == whole
            assert len(set(whole)) == 12


def test_what_has_no_size_comes_before_the_smallest(store: Store) -> None:
    for image_id, size in (("none", None), ("small", 1), ("large", 2)):
        store.images.create(make_image(image_id, size=size))

    assert ids(store, sort=(SortKey("size", False),)) == ["none", "small", "large"]
    assert ids(store, sort=(SortKey("size", True),)) == ["large", "small", "none"]


def test_an_unseen_image_is_no_marker(store: Store) -> None:
    store.images.create(make_image("foreign", owner="red"))

    with pytest.raises(BadRequest, match=r"^marker: no image found with ID foreign\.$"):
        ids(store, marker="foreign")


def test_an_update_expects_the_status(store: Store) -> None:
    store.images.create(make_image(status=ImageStatus.QUEUED))

    refused = store.images.update(
        "image", expected_status=ImageStatus.SAVING, status=ImageStatus.ACTIVE
    )
    done = store.images.update(
        "image",
        expected_status=ImageStatus.QUEUED,
        status=ImageStatus.ACTIVE,
        size=7,
        tags=("new",),
        properties={"a": "b"},
        updated_at=later(1),
    )

    assert (refused, done) == (False, True)
    assert store.images.get("image", viewer=None) == replace(
        make_image(), size=7, tags=("new",), properties={"a": "b"}, updated_at=later(1)
    )


def test_an_update_of_any_status_still_needs_the_image(store: Store) -> None:
    store.images.create(make_image())

    assert store.images.update("image", expected_status=None, name="new")
    assert not store.images.update("other", expected_status=None, name="new")


def test_an_update_of_an_unknown_field_is_a_mistake_of_ours(store: Store) -> None:
    with pytest.raises(TypeError, match=r"^an image has no colour$"):
        store.images.update("image", expected_status=None, colour="red")


def test_an_edit_changes_the_image_or_nothing(store: Store) -> None:
    store.images.create(make_image())

    def rename(image: Image) -> Image:
        return replace(image, name="new", tags=("t",))

    def fail(image: Image) -> Image:
        raise Forbidden("no")

    assert store.images.edit("image", viewer="blue", change=rename).name == "new"
    with pytest.raises(Forbidden):
        store.images.edit("image", viewer="blue", change=fail)
    with pytest.raises(NotFound):
        store.images.edit("image", viewer="red", change=rename)
    assert store.images.get("image", viewer="blue") == rename(make_image())


def test_a_deleted_image_is_gone_and_its_members_too(store: Store) -> None:
    store.images.create(make_image(visibility="shared"))
    share(store, "image", "red")

    with pytest.raises(Forbidden):
        store.images.delete("image", viewer="blue", check=refuse)
    with pytest.raises(NotFound):
        store.images.delete("image", viewer="green", check=allow)
    store.images.delete("image", viewer="blue", check=allow)

    with pytest.raises(NotFound):
        store.images.get("image", viewer=None)
    with pytest.raises(NotFound):
        store.images.delete("image", viewer=None, check=allow)
    assert store.image_members.list("image") == []


def test_an_image_stays_while_a_server_of_it_is_there(store: Store) -> None:
    store.images.create(make_image("image"))
    server = rest(store, make_server(image_id="image"))

    with pytest.raises(Conflict, match="in use"):
        store.images.delete("image", viewer=None, check=allow)

    assert store.images.get("image", viewer=None).id == "image"
    remove(store, server.id)
    store.images.delete("image", viewer=None, check=allow)


def test_an_image_goes_though_other_images_are_in_use(store: Store) -> None:
    store.images.create(make_image("image"))
    build(store, make_server(image_id="other"))

    store.images.delete("image", viewer=None, check=allow)

    with pytest.raises(NotFound):
        store.images.get("image", viewer=None)


def test_members_are_bounded_checked_and_no_two_alike(store: Store) -> None:
    store.images.create(make_image(visibility="shared"))
    share(store, "image", "red", "accepted")
    second = ImageMember("image", "green", MemberStatus.PENDING, later(1), later(1))
    refused: list[tuple[type[Exception], ImageMember, Callable[[Image], None], int]] = [
        (Conflict, replace(second, member_id="red"), allow, 9),
        (Forbidden, second, allow, 1),
        (Forbidden, second, refuse, 9),
    ]

    for error, member, check, most in refused:
        with pytest.raises(error):
            store.image_members.add(member, viewer="blue", check=check, most=most)
    store.image_members.add(second, viewer="blue", check=allow, most=2)

    assert [member.member_id for member in store.image_members.list("image")] == ["red", "green"]
    answered = store.image_members.set_status(
        "image", "green", MemberStatus.REJECTED, viewer="green", check=allow, now=later(2)
    )
    assert store.image_members.list("image")[1] == answered
    assert answered == replace(second, status=MemberStatus.REJECTED, updated_at=later(2))
    store.image_members.remove("image", "green", viewer="blue", check=allow)
    with pytest.raises(NotFound):
        store.image_members.remove("image", "green", viewer="blue", check=allow)
    with pytest.raises(NotFound):
        store.image_members.set_status(
            "image", "green", MemberStatus.PENDING, viewer="blue", check=allow, now=later(2)
        )
