# SPDX-License-Identifier: Apache-2.0
"""Tests that want servers of another kind than the rest: tempest runs once more for each kind.

One run of tempest has one image to make servers of, and is told once what they can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.conformance.selection import Test


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of servers, and the tests that want it."""

    name: str  # of the image, and of tempest's settings
    reason: str  # why these tests do not run with the others
    classes: str  # a regular expression for the tests' classes: none is split
    image_properties: Mapping[str, str]
    features: Mapping[str, object]  # what tempest is told of them that differs


VARIANTS = (
    Variant(
        name="ide",
        reason="the default machine, q35, has no IDE; pc has",
        classes=r"\.ServerStableDeviceRescueTestIDE$",
        # A rescue disk takes the bus of the server's own, and no notice of `hw_rescue_bus`.
        image_properties={"hw_machine_type": "pc", "hw_disk_bus": "ide"},
        features={"ide_bus": True},
    ),
)


def share_out(
    tests: Iterable[Test], variants: Sequence[Variant] = VARIANTS
) -> list[tuple[Variant | None, list[Test]]]:
    """The tests of each run, each test in one; first those of no variant. No run is empty."""
    known = [(_find(variants, test), test) for test in tests]
    runs = [(wanted, [x for found, x in known if found is wanted]) for wanted in (None, *variants)]
    return [(variant, its) for variant, its in runs if its]


def dead_variants(tests: Iterable[Test], variants: Sequence[Variant] = VARIANTS) -> list[str]:
    """The expressions of those that none of these tests wants."""
    wanted = [variant for variant, _ in share_out(tests, variants)]
    return [variant.classes for variant in variants if variant not in wanted]


def _find(variants: Sequence[Variant], test: Test) -> Variant | None:
    return next((variant for variant in variants if re.search(variant.classes, test.case)), None)
