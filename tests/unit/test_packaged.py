# SPDX-License-Identifier: Apache-2.0
"""The files beside the code are found, in a checkout as in an installation."""

from __future__ import annotations

from agent.packaged import packaged


def test_the_templates_and_the_sample_are_found() -> None:
    assert {"domain.xml.j2", "network.xml.j2", "injection.sh"} <= {
        path.name for path in packaged("templates").iterdir()
    }
    assert (packaged("etc") / "cumulet.yaml").is_file()
