# SPDX-License-Identifier: Apache-2.0
"""Tempest, as it is run here: in an environment of its own, and in a namespace that ends with us.

All of its processes are in one PID namespace, whose first process dies when this one does: however
a run ends, none of them is left.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import FOLDER
from tests.conformance.outcomes import Report
from tests.conformance.selection import Test
from tests.lab.commands import CommandError, run

WORKERS = 2
CONTAINED = (
    "setpriv",
    "--pdeathsig",
    "KILL",
    "--",
    "unshare",
    "--pid",
    "--fork",
    "--kill-child",
    "--",
)
STESTR_CONF = """\
[DEFAULT]
test_path={package}/test_discover
top_dir={package}
group_regex=([^\\.]*\\.)*
"""
"""As tempest itself writes it: the tests of one class stay with one worker."""


@dataclass(frozen=True, slots=True)
class Tempest:
    """One installation of tempest, and a folder to run it in."""

    environment: Path  # the virtual environment
    work: Path
    name: str = "tempest"  # of its settings, and of what a run with them leaves

    @property
    def config(self) -> Path:
        """Where it looks for its settings."""
        return self.work / f"{self.name}.conf"

    def prepare(self) -> None:
        """Make the folder anew, as stestr wants it."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        where = "import pathlib, tempest; print(pathlib.Path(tempest.__file__).parent)"
        package = run([self.environment / "bin/python", "-c", where]).stdout.strip()
        (self.work / ".stestr.conf").write_text(STESTR_CONF.format(package=package))
        run([self.environment / "bin/stestr", "init"], cwd=self.work)

    def version(self) -> str:
        """Which one it is."""
        where = "from importlib.metadata import version; print(version('tempest'))"
        return run([self.environment / "bin/python", "-c", where]).stdout.strip()

    def list_tests(self) -> list[Test]:
        """All of its API tests, as its settings make them."""
        listing = run(
            [
                *(self.environment / "bin/tempest", "run", "--list-tests"),
                *("--config-file", self.config, "--regex", r"^tempest\.api\."),
            ],
            cwd=self.work,
            env=self._environ(),
            timeout_s=120,
        )
        lines = (line.strip() for line in listing.stdout.splitlines())
        tests = [Test.parse(line) for line in lines if line.startswith("tempest.")]
        if not tests:
            raise CommandError(f"tempest lists no test:\n{listing.stdout}{listing.stderr}")
        return tests

    def run(self, tests: Sequence[Test]) -> Iterator[Report]:
        """Run these tests, and give what is said of each as it ends."""
        chosen = self.config.with_suffix(".chosen")
        chosen.write_text("".join(f"{test.id}\n" for test in tests))
        with self.config.with_suffix(".stderr").open("wb") as errors:
            tempest = subprocess.Popen(
                [
                    *CONTAINED,
                    *(self.environment / "bin/tempest", "run", "--subunit"),
                    *("--config-file", self.config, "--load-list", chosen),
                    *("--concurrency", str(WORKERS)),
                ],
                cwd=self.work,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            reader = subprocess.Popen(
                [self.environment / "bin/python", FOLDER / "subunit_lines.py"],
                stdin=tempest.stdout,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert tempest.stdout is not None
            assert reader.stdout is not None
            tempest.stdout.close()  # it is the reader's now
            try:
                for line in reader.stdout:
                    yield Report(**json.loads(line))
            finally:
                for process in (tempest, reader):  # if it has not ended: its namespace goes with it
                    process.kill()
                    process.wait()
                reader.stdout.close()

    def _environ(self) -> Mapping[str, str]:
        """An environment in which tempest keeps to its folder, and to this machine."""
        others = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "PYTHON"))}
        return {**others, "HOME": str(self.work), "NO_PROXY": "127.0.0.1", "LC_ALL": "C.UTF-8"}
