# SPDX-License-Identifier: Apache-2.0
"""Where the files lie that come with the program and are no code."""

from __future__ import annotations

from pathlib import Path


def packaged(folder: str) -> Path:
    """Find `templates` or `etc`: package data of an installed agent, else the checkout's."""
    package = Path(__file__).parent
    installed = package / folder
    return installed if installed.is_dir() else package.parent / folder
