# SPDX-License-Identifier: Apache-2.0
"""A cloud that is told secrets: what is asked of it, and all that it answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.lab.canaries import Canaries
from tests.lab.process_watch import ProcessWatch
from tests.real.conftest import RealCloud

SERVERS, IMAGES = "/compute/v2.1/servers", "/image/v2/images"
TOKENS = "/identity/v3/auth/tokens"
LOGIN, ADMIN_LOGIN, TOKEN, MADE_UP = "login", "admin login", "token", "made up"
ROBOTS_TOKEN = "the robot's token"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cloud has said to a request."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass(slots=True)
class Life:
    """A cloud that is told secrets, and all that it has answered."""

    real: RealCloud
    admin_token: str
    canaries: Canaries
    watch: ProcessWatch
    servers: dict[str, str] = field(default_factory=dict)  # ids by name
    answers: list[tuple[str, str]] = field(default_factory=list)  # of what, all of its text

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, its body JSON or bytes as they are, and keep what it is answered."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.real.live.port, timeout=60)
        sent = {
            "Content-Type": "application/json",
            "X-Auth-Token": self.real.api.token if token is None else token,
            **(headers or {}),
        }
        connection.request(method, path, data, sent)
        reply = connection.getresponse()
        answer = Answer(reply.status, dict(reply.getheaders()), reply.read().decode())
        connection.close()
        self.answers.append((f"{method} {path}", f"{answer.status} {answer.headers} {answer.text}"))
        return answer

    def create(self, name: str, image_id: str, *, token: str | None = None, **fields: Any) -> str:
        """Create a server; the one answer that shows its password is checked, and not kept."""
        server = {"name": name, "imageRef": image_id, "flavorRef": "1", **fields}
        answer = self.ask("POST", SERVERS, {"server": server}, token=token)
        assert answer.status == 202, answer.text
        what, text = self.answers.pop()
        password = str(answer.body["server"]["adminPass"])
        assert password == fields.get("adminPass", password)
        if "adminPass" not in fields:
            self.canaries.watch(MADE_UP, password)
        shown = json.dumps(password, ensure_ascii=False)
        assert text.count(shown) == 1, text
        self.answers.append((what, text.replace(shown, "")))
        self.servers[name] = str(answer.body["server"]["id"])
        return self.servers[name]

    def change(self, name: str, password: object, *, token: str | None = None) -> Answer:
        """Ask for another password of a server."""
        path = f"{SERVERS}/{self.servers[name]}/action"
        return self.ask("POST", path, {"changePassword": {"adminPass": password}}, token=token)

    def files(self) -> Mapping[str, set[str]]:
        """In which files of the state folder each secret stands."""
        return self.canaries.find_in_files(self.real.live.state)
