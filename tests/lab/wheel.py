# SPDX-License-Identifier: Apache-2.0
"""A copy of this checkout, as a user's clone is, and the wheel that `make wheel` builds in one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.lab.commands import run

ROOT = Path(__file__).parents[2]
LITTER = (".git", ".venv", ".conformance", ".*_cache", "__pycache__", "*.egg-info", "build", "dist")
BUILD_TIMEOUT_S = 300.0


def copy_clone(target: Path) -> Path:
    """Copy the checkout to a folder that is not there yet, and give it."""
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*LITTER), symlinks=True)
    return target


def set_version(clone: Path, version: str) -> None:
    """Let a clone be of another version."""
    (clone / "agent/__init__.py").write_text(f'__version__ = "{version}"\n')


def build_wheel(clone: Path) -> Path:
    """Run `make wheel` in a clone, whose virtual environment is then this one; give the wheel."""
    venv = clone / ".venv"
    venv.symlink_to(sys.prefix)
    try:
        # What is in it is not to be installed again because the copied files are newer.
        run(["make", "--old-file=.venv/.ready", "wheel"], cwd=clone, timeout_s=BUILD_TIMEOUT_S)
    finally:
        venv.unlink()
    (wheel,) = (clone / "dist").glob("*.whl")
    return wheel
