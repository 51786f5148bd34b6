# SPDX-License-Identifier: Apache-2.0
"""How the demo speaks: what is done, how long it took, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 78  # of a step's title; its time stands to the right


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print what is done, and behind it how long it took."""
    began = time.monotonic()
    *above, last = title.splitlines()
    print(*above, f"{last:<{WIDTH}}", sep="\n", end="", flush=True)
    result = "stopped"
    try:
        yield
        result = f"{time.monotonic() - began:.1f} s"
    finally:
        print(f"{result:>8}", flush=True)


def say(text: str) -> None:
    """Print what came of a step, with a blank line after it."""
    if text:
        print(*(f"  {line}" for line in text.splitlines()), sep="\n", end="\n\n", flush=True)
