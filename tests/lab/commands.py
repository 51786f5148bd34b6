# SPDX-License-Identifier: Apache-2.0
"""Runs other programs so that a failure says what the program said, not just a number."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class CommandError(RuntimeError):
    """A program ended with a code other than 0; the message carries its own words."""


def run(
    argv: Sequence[str | Path],
    *,
    check: bool = True,
    timeout_s: float = 60.0,
    stdin: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it printed; `env` adds to the environment."""
    done = subprocess.run(
        [str(word) for word in argv],
        check=False,
        timeout=timeout_s,
        input=stdin,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        capture_output=True,
        text=True,
    )
    if check and done.returncode != 0:
        words = " ".join(map(str, argv))
        said = (done.stderr.strip() or done.stdout.strip())[-4000:]
        raise CommandError(f"code {done.returncode} from: {words}\n{said}")
    return done
