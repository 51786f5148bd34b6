# SPDX-License-Identifier: Apache-2.0
"""The names of images' attributes: the Image API and the rules know the same ones."""

from __future__ import annotations

import pytest

from agent.api.image import attributes
from agent.errors import Forbidden
from agent.model.imageedit import ATTRIBUTES
from agent.model.imagenames import READ_ONLY, check_property_name


def test_the_schemas_and_the_rules_know_the_same_names() -> None:
    assert set(attributes.READ_ONLY) == READ_ONLY
    assert set(attributes.WRITABLE) == ATTRIBUTES


@pytest.mark.parametrize(
    "name", ["status", "locations", "deleted", "os_glance_x", "id", "name", "tags", "x" * 256]
)
def test_what_means_something_else_is_no_property(name: str) -> None:
    with pytest.raises(Forbidden):
        check_property_name(name)


def test_any_other_name_is_a_property() -> None:
    check_property_name("os_type")
