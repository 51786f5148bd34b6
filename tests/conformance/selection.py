# SPDX-License-Identifier: Apache-2.0
"""Which of tempest's tests are run: a regular expression, less what `skips.yaml` leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from tests.conformance import FOLDER

DEFAULT = r"^tempest\.api\.(compute|identity\.(admin\.)?v3|image\.v2)\."
"""All that is judged: Compute, Identity v3 and Image v2."""

COMPUTE = r"^tempest\.api\.compute\."
"""What differs by the Compute API's version."""

BELOW = r"The microversion range\[\S+ - [\d.]+\] of this test is out of"
"""What tempest says of a test that is not of the versions asked for."""

IN_CI = FOLDER / "in_ci.txt"
SKIPS = FOLDER / "skips.yaml"


@dataclass(frozen=True, slots=True)
class Skips:
    """The committed file: regular expressions for names of tests, with a reason each."""

    left_out: Mapping[str, str]
    """These are never run: what they test is not served, by intent."""
    by_tempest: Mapping[str, str]
    """These are run, and tempest itself skips them, for what `tempest.conf` says of the cloud."""
    by_words: Mapping[str, str] = field(default_factory=dict)
    """Not for names, but for what tempest says when it skips one of itself."""
    too_new: Mapping[str, str] = field(default_factory=dict)
    """These are left out too when nothing is asked below a version."""

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

    def above(self, lowest: str) -> Skips:
        """The same when nothing is asked below this version; when it is empty, the very same."""
        if not lowest:
            return self
        return replace(
            self,
            left_out={**self.left_out, **self.too_new},
            by_words={**self.by_words, BELOW: f"it is of versions below {lowest}"},
        )

    def reason_to_leave_out(self, name: str) -> str | None:
        """The reason why a test is not run; None when it is."""
        return _find(self.left_out, name)

    def reason_of_tempest(self, name: str, words: str = "") -> str | None:
        """The reason why tempest may skip a test with these words; None when it should not."""
        return _find(self.by_tempest, name) or _find(self.by_words, words)

    def dead(self, names: Iterable[str], skipped: Mapping[str, str]) -> list[str]:
        """The expressions that match none of these tests, or none that tempest skipped.

        `skipped` has what it said, by the test's name.
        """
        known = [*names]
        return [
            *_unmatched(self.left_out, known),
            *_unmatched(self.by_tempest, [*skipped]),
            *_unmatched(self.by_words, [*skipped.values()]),
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


def read_names(path: Path = IN_CI) -> list[str]:
    """The names of the tests that `make test` runs."""
    lines = path.read_text().splitlines()
    return [f"tempest.api.compute.{line}" for line in lines if line and not line.startswith("#")]


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


def _unmatched(patterns: Iterable[str], texts: Iterable[str]) -> list[str]:
    return [x for x in patterns if not any(re.search(x, text) for text in texts)]
