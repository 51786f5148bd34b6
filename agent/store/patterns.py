# SPDX-License-Identifier: Apache-2.0
"""Regular expressions that users send, matched in time linear in the text: RE2, never `re`.

Imported when the first pattern comes: a process that is never asked for one does not hold it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

MAX_MEMORY = 1 << 20
"""Bytes that a compiled pattern may take; a larger one is refused."""


def is_pattern(text: str) -> bool:
    """Whether a text is a regular expression at all."""
    return _compile(text) is not None


def search(pattern: str, text: str | None) -> bool:
    """Whether the pattern is found anywhere in the text, if there is one; SQLite's REGEXP."""
    compiled = _compile(pattern)
    return None not in (compiled, text) and compiled.search(text) is not None


@lru_cache(maxsize=16)
def _compile(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None
