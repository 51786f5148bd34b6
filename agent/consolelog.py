# SPDX-License-Identifier: Apache-2.0
"""What a server printed on its serial console, as virtlogd keeps it: also when it is off.

virtlogd rolls a log over at 2 MiB: `console.log` becomes `console.log.0`, that one `.1`, that one
`.2`, and the oldest is dropped. A rollover may happen while we read, and lines straddle files.

All of it was written by a guest, so nothing here believes it: the bytes taken are bounded, what is
not UTF-8 is replaced, and control characters (a terminal's escapes among them) are dropped.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from agent.errors import HostFailed

MAX_BYTES = 1024 * 1024
ROLLOVERS = 3  # virtlogd's default `max_backups`

# Nova drops the same characters, so clients have never seen others: all of C0 but tab and newline.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")


def read_console(path: Path, *, lines: int | None = None) -> str:
    """Read the last lines of the console log `path`; all that is kept when `lines` is None.

    Counts as Nova does: a final newline starts one more, empty line, a negative number means all,
    0 none. At most the last MiB is read, from the first whole line. A missing log is "". Blocks
    on the disk; `HostFailed` when the disk refuses.
    """
    if lines == 0:
        return ""
    try:
        content, is_cut = _read_tail(path)
    except OSError as error:
        raise HostFailed(f"The console log could not be read: {error.strerror}.") from error
    if is_cut:
        _, newline, rest = content.partition(b"\n")
        content = rest if newline else content
    if lines is not None and lines > 0:
        content = b"\n".join(content.rsplit(b"\n", lines)[-lines:])
    return _CONTROL.sub("", content.decode("utf-8", errors="replace"))


def _read_tail(path: Path) -> tuple[bytes, bool]:
    """Return the last bytes of the log and whether there were more before them."""
    wanted = MAX_BYTES
    parts: list[bytes] = []
    seen: set[tuple[int, int]] = set()
    # From the newest to the oldest: a rollover meanwhile moves files the same way, so that none
    # is missed, and the one met again under its next name is known by its inode.
    for name in (path, *(Path(f"{path}.{number}") for number in range(ROLLOVERS))):
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
            if wanted == 0 and about.st_size:
                return b"".join(reversed(parts)), True
            skipped = max(0, about.st_size - wanted)
            file.seek(skipped)
            parts.append(file.read(wanted))
            wanted -= len(parts[-1])
            if skipped:
                return b"".join(reversed(parts)), True
    return b"".join(reversed(parts)), False
