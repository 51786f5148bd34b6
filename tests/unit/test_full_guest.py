# SPDX-License-Identifier: Apache-2.0
"""Which distributions the full guest can be built of."""

from __future__ import annotations

import re

import pytest

from tests.lab import full_build
from tests.lab.apt import AptError
from tests.lab.full_guest import get_distribution


@pytest.mark.parametrize(
    ("name", "codename", "kernel"),
    [
        ("debian", "bookworm", "linux-image-cloud-amd64"),
        ("ubuntu", "noble", "linux-image-virtual"),
    ],
)
def test_a_known_distribution_has_its_own_kernel(name: str, codename: str, kernel: str) -> None:
    distribution, found = get_distribution({"ID": name, "VERSION_CODENAME": codename})

    assert distribution.kernel == kernel
    assert found == codename


@pytest.mark.parametrize(
    "release",
    [
        {"ID": "fedora", "PRETTY_NAME": "Fedora Linux 41"},
        {"ID": "debian", "PRETTY_NAME": "Debian without a codename"},
    ],
    ids=lambda release: release["ID"],
)
def test_another_one_is_refused_by_name(release: dict[str, str]) -> None:
    with pytest.raises(AptError, match=re.escape(release["PRETTY_NAME"])):
        get_distribution(release)


def test_only_units_and_generators_are_masked() -> None:
    lines = (full_build.FILES / "masked").read_text().splitlines()
    masked = [line for line in lines if line and not line.startswith("#")]

    assert len(masked) == len(set(masked)) > 20
    assert {line.split("/")[0] for line in masked} == {"system", "system-generators"}
    assert not [line for line in masked if "cloud" in line or "ssh" in line]
