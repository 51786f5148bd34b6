# SPDX-License-Identifier: Apache-2.0
"""A cloud that serves every version of the Compute API, asked at one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from agent import api
from tests.fast.api.conftest import ApiClient, let_in
from tests.fast.smallcloud import SmallCloud


@dataclass(frozen=True, slots=True)
class Versioned:
    """A caller who speaks one version: paths are below /compute/v2.1."""

    client: ApiClient
    version: str

    def ask(self, method: str, path: str, json: object = None) -> TestResponse:
        headers = {"OpenStack-API-Version": f"compute {self.version}"}
        options: dict[str, Any] = {} if json is None else {"json": json}
        return self.client.request(method, f"/compute/v2.1{path}", headers=headers, **options)

    def get(self, path: str) -> Any:
        """The body of a GET that succeeds."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.get_json()


At = Callable[..., Versioned]


def speak_all_versions(cloud: SmallCloud) -> At:
    """Give callers of a cloud by version and name."""
    app = api.build_app(cloud.parts.cloud)
    clients: dict[str, ApiClient] = {}

    def at(version: str, who: str = "lab") -> Versioned:
        if who not in clients:
            clients[who] = let_in(cloud, app, who, who)
        return Versioned(clients[who], version)

    return at
