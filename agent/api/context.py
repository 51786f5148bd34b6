# SPDX-License-Identifier: Apache-2.0
"""What a request's handler may reach: the use cases, the caller, the request's id."""

from __future__ import annotations

from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import cast

from flask import Flask, current_app, g

from agent.asking import Asking
from agent.cloud import Cloud
from agent.model.identity import Bearer, Caller

_KEY = "cumulet"


@dataclass(frozen=True, slots=True)
class Room:
    """What one application keeps between requests."""

    cloud: Cloud
    transfers: BoundedSemaphore  # image bytes under way


def install(app: Flask, cloud: Cloud) -> None:
    """Give an application its cloud. Image bytes use at most half of the threads."""
    transfers = BoundedSemaphore(max(1, cloud.config.api_threads // 2))
    app.extensions[_KEY] = Room(cloud, transfers)


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


def request_id() -> str:
    """The id of this request: "req-" and a uuid."""
    return cast(str, g.request_id)


def asking() -> Asking:
    """Who asks, under which request id."""
    return Asking(caller(), request_id())
