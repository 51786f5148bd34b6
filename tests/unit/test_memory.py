# SPDX-License-Identifier: Apache-2.0
"""What is freed goes back to the system, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from tests.lab.cloud import ROOT

PROGRAM = """
from agent import memory
from tests.lab.waiting import wait_for

MIB = 2**20

def anonymous():
    with open("/proc/self/smaps_rollup") as lines:
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))

memory.keep_small(trim_s=0.05)
before = anonymous()
parts = [(bytearray(MIB // 2), bytearray(1024)) for _ in range(80)]
assert anonymous() > before + 35 * MIB
pins = [pin for _, pin in parts]  # they lie between what goes
del parts
wait_for(lambda: anonymous() <= before + 5 * MIB, timeout_s=20, what="what was freed")
print(len(pins))
"""


def test_what_is_free_between_what_is_not_goes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "80\n"), done.stderr
