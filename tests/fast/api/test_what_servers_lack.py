# SPDX-License-Identifier: Apache-2.0
"""What the standard knows of servers and none here has: said so, not left to a bare 404."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

Speak = Callable[[str], ApiClient]

MISSING = "/compute/v2.1/servers/11111111-1111-4111-8111-111111111111"


@pytest.fixture
def path(cloud: SmallCloud, speak: Speak, image_id: str) -> str:
    """Of a server."""
    return f"/compute/v2.1/servers/{make_server(speak('2.1'), image_id)}"


def test_a_server_has_no_numa_nodes(speak: Speak, path: str) -> None:
    shown = speak("2.78").get(f"{path}/topology")

    assert shown.get_json() == {"nodes": [], "pagesize_kb": None}
    assert speak("2.77").get(f"{path}/topology").status_code == 404
    assert speak("2.78").get(f"{MISSING}/topology").status_code == 404


def test_a_server_has_no_volumes_and_takes_none(speak: Speak, path: str) -> None:
    client = speak("2.1")
    volume = {"volumeAttachment": {"volumeId": "x"}}
    refused = client.post(f"{path}/os-volume_attachments", json=volume)

    assert client.get(f"{path}/os-volume_attachments").get_json() == {"volumeAttachments": []}
    assert client.get(f"{MISSING}/os-volume_attachments").status_code == 404
    assert refused.status_code == 400
    assert "no volumes" in refused.get_json()["badRequest"]["message"]
