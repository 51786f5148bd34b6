# SPDX-License-Identifier: Apache-2.0
"""Leads floating addresses where it is run, again and again: `carry_edge.py`, told lines of JSON.

A line has `leads`, of floating address to fixed one, and `lets_in`, of fixed address to what passes
its port (a port that is not named there is open). It answers with the floating addresses that are
led, or with why not. Run in a private host, for there the bridges are.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from agent.edge import Edge, Inside
from agent.errors import HostFailed
from agent.model.firewall import Firewall, Pass
from agent.model.floating import Translation


def carry(edge: Edge, asked: dict[str, Any]) -> object:
    """Do what one line says."""
    translations = [Translation(ip, fixed, fixed) for ip, fixed in asked["leads"].items()]
    firewalls = {
        port: Firewall(port, "", "", tuple(Pass(*each) for each in passes))
        for port, passes in asked.get("lets_in", {}).items()
    }
    try:
        return [each.ip for each in edge.carry(translations, firewalls)]
    except HostFailed as error:
        return error.message


if __name__ == "__main__":
    bridge, cidr, is_routed = sys.argv[1:4]
    edge = Edge("of the test", Inside(bridge, cidr, is_routed=is_routed == "routed"))
    for line in sys.stdin:
        print(json.dumps(carry(edge, json.loads(line))), flush=True)
    edge.remove()
