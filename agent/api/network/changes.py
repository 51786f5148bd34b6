# SPDX-License-Identifier: Apache-2.0
"""Making, changing and deleting networks, subnets and ports."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.body import json_body
from agent.api.context import caller, cloud
from agent.api.network import parse
from agent.api.network.views import network_view, port_view, subnet_view
from agent.api.replies import created, empty
from agent.errors import BadRequest, NotSupported
from agent.model.network import Network, Subnet

routes = Blueprint("network_changes", __name__)


@routes.post("/networks")
def create_network() -> Response:
    """Make a network."""
    asked = json_body(parse.NETWORK)["network"]
    parse.check_as_it_is(asked)
    network = cloud().network_edits.create_network(
        caller(),
        asked.get("name", ""),
        description=asked.get("description", ""),
        project_id=parse.project_of(asked),
        shared=asked.get("shared", False),
    )
    return created("network", network_view(network, ()))


@routes.put("/networks/<network_id>")
def update_network(network_id: str) -> Response:
    """Change a network."""
    asked = json_body(parse.NETWORK_CHANGE)["network"]
    fields = parse.changes_of(asked, "name", "description", "shared")
    network = cloud().network_edits.update_network(caller(), network_id, **fields)
    return jsonify(network=_view(network))


@routes.delete("/networks/<network_id>")
def delete_network(network_id: str) -> Response:
    """Delete a network with its subnet."""
    cloud().network_edits.delete_network(caller(), network_id)
    return empty(204)


@routes.post("/subnets")
def create_subnet() -> Response:
    """Make the subnet of a network."""
    asked = parse.parse_subnet(json_body(parse.SUBNET)["subnet"])
    return created("subnet", _subnet_view(cloud().network_edits.create_subnet(caller(), asked)))


@routes.put("/subnets/<subnet_id>")
def update_subnet(subnet_id: str) -> Response:
    """Change a subnet."""
    asked = json_body(parse.SUBNET_CHANGE)["subnet"]
    parse.check_range_stays(asked, cloud().networking.get_subnet(caller(), subnet_id))
    fields = parse.changes_of(asked, "name", "description")
    subnet = cloud().network_edits.update_subnet(caller(), subnet_id, **fields)
    return jsonify(subnet=_subnet_view(subnet))


@routes.delete("/subnets/<subnet_id>")
def delete_subnet(subnet_id: str) -> Response:
    """Delete a subnet."""
    cloud().network_edits.delete_subnet(caller(), subnet_id)
    return empty(204)


@routes.post("/ports")
def create_port() -> Response:
    """Make a port."""
    asked = json_body(parse.PORT)["port"]
    port = parse.parse_port(asked)
    subnet_id = parse.named_subnet(asked)
    if subnet_id is not None:
        subnet = cloud().networking.get_subnet(caller(), subnet_id)
        if subnet.network_id != port.network_id:
            raise BadRequest(f"fixed_ips: subnet {subnet_id} is not of network {port.network_id}.")
    return created("port", port_view(cloud().network_edits.create_port(caller(), port)))


@routes.put("/ports/<port_id>")
def update_port(port_id: str) -> Response:
    """Change a port."""
    asked = json_body(parse.PORT_CHANGE)["port"]
    fields = parse.changes_of(asked, "name", "description")
    port = cloud().network_edits.update_port(
        caller(), port_id, security_groups=parse.groups_of(asked), **fields
    )
    return jsonify(port=port_view(port))


@routes.delete("/ports/<port_id>")
def delete_port(port_id: str) -> Response:
    """Delete a port that no server has."""
    cloud().network_edits.delete_port(caller(), port_id)
    return empty(204)


@routes.post("/routers")
def create_router() -> Response:
    """Refuse: there is nothing that would route."""
    raise NotSupported(
        "This cloud has no routers: a project's network is isolated, and the network that "
        "`cumulet init --network nat` makes leads out by itself."
    )


def _view(network: Network) -> dict[str, Any]:
    return network_view(network, cloud().networking.list_subnets(caller()))


def _subnet_view(subnet: Subnet) -> dict[str, Any]:
    network = cloud().networking.get_network(caller(), subnet.network_id)
    return subnet_view(subnet, network.project_id)
