# SPDX-License-Identifier: Apache-2.0
"""What is freed goes back to the system, but not at once, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from tests.lab.cloud import ROOT

GIVEN_BACK = """
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

KEPT = """
import resource

from agent import memory

def new_pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def list_servers():
    return len([bytearray(1500) for _ in range(2000)])

memory.keep_small(trim_s=3600)
before = new_pages()
list_servers()
first = new_pages()
for _ in range(10):
    list_servers()
assert first - before > 600  # of 4 KiB
print(new_pages() - first < 600)
"""


def ask(program: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_what_is_free_between_what_is_not_goes_back() -> None:
    assert ask(GIVEN_BACK) == (0, "80\n", "")


def test_what_a_list_has_freed_serves_the_next_one() -> None:
    assert ask(KEPT) == (0, "True\n", "")
