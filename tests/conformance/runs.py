# SPDX-License-Identifier: Apache-2.0
"""Tempest's runs against one cloud: one for most tests, and one for each variant of servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.conformance.cloud import JudgedCloud
from tests.conformance.outcomes import Report
from tests.conformance.selection import Test
from tests.conformance.settings import settings_of_variant, write_settings
from tests.conformance.tempest import Tempest
from tests.conformance.variants import Variant, share_out
from tests.lab.telling import step


def run_tests(tempest: Tempest, cloud: JudgedCloud, tests: Sequence[Test]) -> Iterator[Report]:
    """Run each test with the servers that it wants, and give what is said of it as it ends."""
    for variant, its in share_out(tests):
        told = tempest if variant is None else tell(tempest, cloud, variant)
        yield from told.run(its)


def tell(tempest: Tempest, cloud: JudgedCloud, variant: Variant) -> Tempest:
    """Import an image for such servers, and give a tempest that is told of them."""
    with step(f"Importing an image: {variant.reason}"):
        image = cloud.live.import_image(variant.name, cloud.guest, **variant.image_properties)
    told = replace(tempest, name=variant.name)
    write_settings(told.config, settings_of_variant(cloud.settings, variant, image))
    return told
