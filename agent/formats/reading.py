# SPDX-License-Identifier: Apache-2.0
"""Reads fixed places of a file that may be shorter than it should, and says what is wrong with it.

Every refusal names the format, what was found, and what to do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from struct import Struct
from typing import Any, BinaryIO, NoReturn

from agent.errors import BadRequest

CONVERT = "Convert it with 'qemu-img convert -O qcow2 FILE NEW.qcow2' and upload that as qcow2."
AGAIN = "Upload it again."


@dataclass(frozen=True, slots=True)
class Source:
    """An open image file of a declared format."""

    file: BinaryIO
    size: int  # bytes
    format: str

    def read(self, offset: int, length: int) -> bytes:
        """Read a piece that must be there."""
        if offset < 0 or offset + length > self.size:
            self.damaged(f"it ends before byte {offset + length}, at {self.size}")
        # Not seek: an offset that a header names may be too large for that.
        piece = os.pread(self.file.fileno(), length, offset)
        if len(piece) != length:
            self.damaged(f"it ends before byte {offset + length}")
        return piece

    def unpack(self, layout: Struct, offset: int) -> tuple[Any, ...]:
        """Read the fields at a place."""
        return layout.unpack(self.read(offset, layout.size))

    def damaged(self, what: str) -> NoReturn:
        """Refuse the file as one that can't be right."""
        raise BadRequest(f"The {self.format} image is damaged: {what}. {AGAIN}")

    def refuse(self, what: str) -> NoReturn:
        """Refuse the file for what it is, and tell how to make it one that is taken."""
        raise BadRequest(f"The {self.format} image is refused: {what}. {CONVERT}")
