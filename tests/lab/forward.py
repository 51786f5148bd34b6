# SPDX-License-Identifier: Apache-2.0
"""Forwards connections, as Vagrant does, to a port of loopback: `forward.py DESCRIPTOR PORT`.

The descriptor is a listening socket that was made elsewhere: so it can be that of another network
namespace than the one that this runs in.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys


async def serve(listening: socket.socket, port: int) -> None:
    """Forward until killed."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()  # nobody is there: so it is said to who has come
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async with await asyncio.start_server(connect, sock=listening) as server:
        await server.serve_forever()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, to its end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])))
