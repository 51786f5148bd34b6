# SPDX-License-Identifier: Apache-2.0
"""A server's history as lines of text, for a terminal or a pipe.

What users and libvirt wrote is shown as one line of printable characters: a server's name must not
be able to paint the administrator's terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.text import Text

from agent.history import Entry, History, Kind
from agent.model.server import Server
from agent.model.states import Status

NARROWEST = 30
"""So many columns a text gets, however narrow the terminal is."""

STYLES = {
    Kind.REQUEST: "bold",
    Kind.STEP: "dim",
    Kind.DONE: "green",
    Kind.FAILED: "bold red",
    Kind.INTERRUPTED: "yellow",
    Kind.RUNNING: "bold cyan",
    Kind.LIBVIRT: "blue",
    Kind.CORRECTED: "magenta",
}


def render_history(history: History, *, width: int | None) -> Iterator[Text]:
    """Give the lines: what the server is now, then what happened. Without a width none is broken.

    All times are UTC, as in the API.
    """
    for name, value in _facts(history):
        yield _line(f"{name:10}", value, "bold" if name == "server" else "", width)
    day = ""
    for entry in history.entries:
        today = f"{entry.at:%Y-%m-%d}"
        if today != day:
            day = today
            yield Text()
            yield Text(f"{day} UTC", "bold")
        head = f"{entry.at:%H:%M:%S}.{entry.at.microsecond // 1000:03d}  {entry.kind:11}  "
        yield _line(head, _say(entry), STYLES[entry.kind], width)


def render_duration(seconds: float) -> str:
    """Give a duration in the unit that fits: "12 ms", "2.34 s", "1 min 05 s", "3 h 20 min"."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def _facts(history: History) -> Iterator[tuple[str, str]]:
    server = history.server
    yield "server", f"{server.name} ({server.id})"
    yield "status", _states(history.status, server)
    yield "host", server.host or "none: it was never placed"
    yield "created", f"{server.created_at:%Y-%m-%d %H:%M:%S} UTC by {history.owner}"
    if server.deleted_at is not None:
        yield "deleted", f"{server.deleted_at:%Y-%m-%d %H:%M:%S} UTC"
    if server.locked_by is not None:
        yield "locked", f"by the {server.locked_by}"
    if server.fault is not None:
        yield "fault", f"{server.fault.created_at:%Y-%m-%d %H:%M:%S} UTC: {server.fault.message}"


def _states(status: Status, server: Server) -> str:
    return (
        f"{status} (vm_state {server.vm_state}, task_state {server.task_state or 'none'}, "
        f"power_state {server.power_state.name.lower()})"
    )


def _say(entry: Entry) -> str:
    took = "" if entry.took_s is None else render_duration(entry.took_s)
    match entry.kind:
        case Kind.STEP:
            return f"  {entry.text}, {took}"
        case Kind.DONE:
            return f"{entry.text} in {took}"
        case Kind.FAILED:
            return f"{entry.text} after {took}: {entry.why}"
        case Kind.INTERRUPTED:
            return f"{entry.text} after {took}, {entry.why}"
        case Kind.RUNNING:
            return f"{entry.text} for {took}{entry.why and ': '}{entry.why}"
        case Kind.REQUEST | Kind.LIBVIRT | Kind.CORRECTED:
            return entry.text


def _line(head: str, body: str, style: str, width: int | None) -> Text:
    """Put a line together; what is too long for the width goes on below its beginning."""
    margin = len(body) - len(body.lstrip(" "))
    words = " ".join(_printable(body).split())
    parts = [words]
    if width is not None:
        room = max(NARROWEST, width - len(head) - margin)
        parts = textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False)
    indent = "\n" + " " * (len(head) + margin)
    return Text.assemble((head, style), " " * margin, indent.join(parts))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
