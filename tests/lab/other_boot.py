# SPDX-License-Identifier: Apache-2.0
"""Shows one program another boot id than the machine's, as after a reboot of it.

    python -m tests.lab.other_boot FILE PROGRAM ARGUMENT...

in a mount namespace of its own. The program takes this one's place: it keeps the pid.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.lab.private_init import BOOT_ID, MS_BIND, mount


def launcher(boot_id: Path) -> tuple[str, ...]:
    """What to start a program through, so that it reads its boot id from this file."""
    module = (sys.executable, "-m", "tests.lab.other_boot", str(boot_id))
    return ("unshare", "--mount", "--", *module)


if __name__ == "__main__":
    mount(sys.argv[1], BOOT_ID, flags=MS_BIND)
    os.execv(sys.argv[2], sys.argv[2:])
