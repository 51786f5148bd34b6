# SPDX-License-Identifier: Apache-2.0
"""Linux kernels for x86 ("bzImage"), which QEMU starts without a boot loader."""

from __future__ import annotations

from agent.errors import BadRequest
from agent.formats.reading import Source

MAGIC_AT = 0x202
MAGIC = b"HdrS"
WHERE = "Upload the file that a distribution has as /boot/vmlinuz."


def check(source: Source) -> int:
    """Return the file's size; `BadRequest` for what is no kernel."""
    if source.size < MAGIC_AT + len(MAGIC) or source.read(MAGIC_AT, len(MAGIC)) != MAGIC:
        raise BadRequest(f"The {source.format} image is refused: it is no x86 kernel. {WHERE}")
    return source.size
