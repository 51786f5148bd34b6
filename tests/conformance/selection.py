# SPDX-License-Identifier: Apache-2.0
"""Which of tempest's tests are run: a regular expression, less what `skips.yaml` leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.conformance import FOLDER

DEFAULT = r"^tempest\.api\.(identity\.(admin\.)?v3|image\.v2)\."
"""All that is judged so far: Identity v3 and Image v2."""

SKIPS = FOLDER / "skips.yaml"


@dataclass(frozen=True, slots=True)
class Skips:
    """The committed file: regular expressions for names of tests, with a reason each."""

    left_out: Mapping[str, str]
    """These are never run: what they test is not served, by intent."""
    by_tempest: Mapping[str, str]
    """These are run, and tempest itself skips them, for what `tempest.conf` says of the cloud."""

    @classmethod
    def read(cls, path: Path = SKIPS) -> Skips:
        """Read the file; `ValueError` for an entry that is no regular expression or gives none."""
        sections = yaml.safe_load(path.read_text())
        for entries in sections.values():
            for pattern, reason in entries.items():
                if not str(reason or "").strip():
                    raise ValueError(f"{path.name}: no reason is given for {pattern}")
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ValueError(f"{path.name}: {pattern}: {error}") from error
        return cls(**sections)

    def reason_to_leave_out(self, name: str) -> str | None:
        """The reason why a test is not run; None when it is."""
        return _find(self.left_out, name)

    def reason_of_tempest(self, name: str) -> str | None:
        """The reason why tempest may skip a test; None when it should not."""
        return _find(self.by_tempest, name)

    def dead(self, names: Iterable[str], skipped: Iterable[str]) -> list[str]:
        """The expressions that match none of these tests, or none that tempest skipped."""
        known = [*names]
        seen = [*skipped]
        return [
            *(x for x in self.left_out if not any(re.search(x, name) for name in known)),
            *(x for x in self.by_tempest if not any(re.search(x, name) for name in seen)),
        ]


@dataclass(frozen=True, slots=True)
class Test:
    """One of tempest's tests."""

    __test__ = False  # pytest: it is not one of ours

    id: str  # as tempest writes it: with its tags in brackets
    name: str  # without them
    case: str  # its class

    @classmethod
    def parse(cls, line: str) -> Test:
        """Read what `tempest run --list-tests` prints for it."""
        name = re.sub(r"\[.*?\]", "", line)
        return cls(line, name, name.rpartition(".")[0])


def choose(tests: Iterable[Test], pattern: str) -> list[Test]:
    """The tests whose name the expression finds, in the order of their names."""
    chosen = (test for test in tests if re.search(pattern, test.name))
    return sorted(chosen, key=lambda test: test.name)


def choose_again(tests: Iterable[Test], failed: Sequence[str]) -> list[Test]:
    """The tests that failed; where a class could not be set up or torn down, all of its tests."""
    wanted = {*failed}
    return [test for test in tests if {test.name, test.case} & wanted]


def _find(reasons: Mapping[str, str], name: str) -> str | None:
    found = (reason for pattern, reason in reasons.items() if re.search(pattern, name))
    return next(found, None)
