# SPDX-License-Identifier: Apache-2.0
"""`cumulet serve`, which kills itself where it is told to: a power cut at a chosen point.

    python -m tests.real.serve_and_die --orders FILE --config FILE

The orders are read at every point that a task passes, so they can be given while it serves. Without
any it is `cumulet serve`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.config import read_config
from agent.serve import serve
from tests.lab.waiting import wait_for

HOLD_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Orders:
    """The points of the crash matrix at which something is to happen."""

    die: str = ""  # kill the process and all that it has started
    hold: str = ""  # wait until this order is withdrawn


def give(path: Path, orders: Orders) -> None:
    """Replace the orders."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(orders)))
    draft.replace(path)


def read(path: Path) -> Orders:
    """The orders as they are now."""
    return Orders(**json.loads(path.read_text()))


def held(path: Path) -> Path:
    """The file that is there once a task has come to where it is held."""
    return path.with_suffix(".held")


def obey(path: Path, point: str) -> None:
    """Do at a point what the orders say."""
    if read(path).hold == point:
        held(path).touch()
    wait_for(
        lambda: read(path).hold != point,
        timeout_s=HOLD_TIMEOUT_S,
        what=f"leave to go on after {point}",
    )
    if read(path).die == point:
        os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve, and die by order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    arguments = parser.parse_args()
    serve(read_config(arguments.config), hook=lambda point: obey(arguments.orders, point))


if __name__ == "__main__":
    main()
