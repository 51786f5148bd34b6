# SPDX-License-Identifier: Apache-2.0
"""Reads etc/debian-packages.txt: which packages its sections have, and what is in them for us."""

from __future__ import annotations

import re
from pathlib import Path

LIST = Path(__file__).parents[2] / "etc/debian-packages.txt"


def read_packages(*sections: str) -> list[str]:
    """The packages of these sections."""
    parts = re.split(r"^## ([a-z]+).*\n", LIST.read_text(), flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    lines = "\n".join(found[section] for section in sections).splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]
