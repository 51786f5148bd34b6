# SPDX-License-Identifier: Apache-2.0
"""The header `Range` (RFC 9110): one range of bytes, as the Image API takes it. Pure."""

from __future__ import annotations

import re

_BYTES = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})", re.IGNORECASE)


def read_range(header: str | None, size: int) -> range | None:
    """Say which of `size` bytes are asked for: None for all, an empty range for none that are.

    "bytes=0-99", "bytes=100-" and "bytes=-100" (the last hundred). What is no single range of
    bytes can't be satisfied.
    """
    if header is None:
        return None
    found = _BYTES.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return range(0)
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    stop = size if not last else min(size, int(last) + 1)
    return range(int(first), stop)
