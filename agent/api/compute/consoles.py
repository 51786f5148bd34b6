# SPDX-License-Identifier: Apache-2.0
"""Remote consoles, which this cloud has none of yet: each way to ask for one says what to do.

A request is read as the standard reads it, so that a wrong one is 400 and another project's server
404. What is right is answered 501: there is no page that a browser could be sent to.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint, Response
from jsonschema import Draft202012Validator

from agent.api import changes
from agent.api.body import json_body
from agent.api.context import asking, cloud, version
from agent.api.microversion import Microversion
from agent.api.parse import check
from agent.api.schemas import body_of, closed
from agent.errors import NotSupported
from agent.model.hostname import instance_name

routes = Blueprint("consoles", __name__)

ACTIONS = {
    "os-getVNCConsole": ("novnc", "xvpvnc"),
    "os-getSPICEConsole": ("spice-html5",),
    "os-getRDPConsole": ("rdp-html5",),
    "os-getSerialConsole": ("serial",),
}
"""The actions of old that ask for a console, each with the types it may name."""

PROTOCOLS = ("vnc", "spice", "serial", "rdp")
TYPES = ("novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5")


@routes.post("/servers/<server_id>/remote-consoles")
def create(server_id: str) -> Response:
    """Say that there is no remote console."""
    json_body(_create_schema(version()))
    return _refuse(server_id)


def answer_action(name: str, server_id: str, body: dict[str, Any]) -> Response:
    """Answer one of `ACTIONS`, whose body names it."""
    check(_action_schema(name), body)
    return _refuse(server_id)


def _refuse(server_id: str) -> Response:
    server = cloud().compute.get_server(asking(), server_id)
    raise NotSupported(
        "This cloud has no console page yet. What the server has printed on its serial console is "
        f"shown by `openstack console log show {server.id}`; on the host, `virsh console "
        f"{instance_name(server.id)}` opens it."
    )


@cache
def _action_schema(name: str) -> Draft202012Validator:
    return body_of(name, closed({"type": {"enum": list(ACTIONS[name])}}, ["type"]))


@cache
def _create_schema(version: Microversion) -> Draft202012Validator:
    has_mks = version.has(changes.MKS_CONSOLE)
    fields = {
        "protocol": {"enum": [*PROTOCOLS, *(["mks"] if has_mks else [])]},
        "type": {"enum": [*TYPES, *(["webmks"] if has_mks else [])]},
    }
    return body_of("remote_console", closed(fields, list(fields)))
