# SPDX-License-Identifier: Apache-2.0
"""The metadata keys that this cloud itself reads."""

from __future__ import annotations

import pytest

from agent.model.metakeys import find_problem, resume_on_boot, wants_termination


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, None),
        ({"role": "web", "cumuletish": "x"}, None),
        ({"cumulet:shutdown_terminate": "True", "cumulet:resume_on_boot": "NEVER"}, None),
        ({"cumulet:shutdown_terminate": "yes"}, "must be one of true, false"),
        ({"cumulet:resume_on_boot": ""}, "must be one of previous, never, always"),
        ({"cumulet:shutdown_terminat": "true"}, "cumulet:shutdown_terminat: unknown"),
    ],
)
def test_a_typing_error_in_a_key_of_ours_is_told(
    metadata: dict[str, str], said: str | None
) -> None:
    problem = find_problem(metadata)

    assert problem is None if said is None else said in (problem or "")


@pytest.mark.parametrize(("value", "wanted"), [("true", True), ("TRUE", True), ("false", False)])
def test_shutdown_terminate(value: str, wanted: bool) -> None:
    assert wants_termination({"cumulet:shutdown_terminate": value}) is wanted
    assert not wants_termination({})


def test_resume_on_boot_is_the_servers_own_or_else_the_configurations() -> None:
    assert resume_on_boot({"cumulet:resume_on_boot": "Always"}, "never") == "always"
    assert resume_on_boot({}, "never") == "never"
    assert resume_on_boot({"cumulet:resume_on_boot": "sometimes"}, "previous") == "previous"
