# SPDX-License-Identifier: Apache-2.0
"""What a request's handler may reach: the use cases, the caller, the request's id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app, g, request

from agent.api.microversion import Microversion
from agent.api.transfers import Transfers
from agent.asking import Asking
from agent.cloud import Cloud
from agent.model.identity import Bearer, Caller
from agent.patience import PATIENCE, Patience
from agent.turns import TURN, Turn

_KEY = "cumulet"

_ENDLESS = Patience(threads=1)  # of a server that watches nobody


@dataclass(frozen=True, slots=True)
class Room:
    """What one application keeps between requests."""

    cloud: Cloud
    transfers: Transfers


def install(app: Flask, cloud: Cloud) -> None:
    """Give an application its cloud."""
    app.extensions[_KEY] = Room(cloud, Transfers.of_threads(cloud.config.api_threads))


def room() -> Room:
    """What this application keeps."""
    return cast(Room, current_app.extensions[_KEY])


def cloud() -> Cloud:
    """The use cases."""
    return room().cloud


def base_url() -> str:
    """Where clients find this cloud, without a slash at the end."""
    return cloud().config.url


def bearer() -> Bearer:
    """Who asks, with or without a project: known on every route that takes a token."""
    return cast(Bearer, g.bearer)


def caller() -> Caller:
    """Who asks, in a project: known on every route that takes a token for one."""
    return cast(Caller, g.caller)


def has_caller() -> bool:
    """Whether a caller in a project is known."""
    return "caller" in g


def version() -> Microversion:
    """Which version of the Compute API the request speaks."""
    return cast(Microversion, g.microversion)


def patience() -> Patience:
    """How long the client of this request is waited for: the server says it."""
    return cast(Patience, request.environ.get(PATIENCE, _ENDLESS))


def end_turn() -> None:
    """Let other requests be answered while this one waits for the hypervisor."""
    turn: Turn | None = request.environ.get(TURN)
    if turn is not None:
        turn.end()


def request_id() -> str:
    """The id of this request: "req-" and a uuid."""
    return cast(str, g.request_id)


def asking() -> Asking:
    """Who asks, under which request id."""
    return Asking(caller(), request_id())
