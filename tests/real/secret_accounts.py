# SPDX-License-Identifier: Apache-2.0
"""The secrets of accounts: where they are taken, changed, used and refused."""

from __future__ import annotations

import json

from tests.real.secret_life import ROBOTS_TOKEN, TOKENS, Life


def log_in_wrongly(life: Life) -> None:
    """Passwords and tokens of users, where they are taken and refused."""
    say, domain = life.canaries, {"id": "default"}
    for code, user in (
        (401, {"name": "lab", "domain": domain, "password": say.strong("WrongLogin")}),
        (401, {"name": "nobody", "domain": domain, "password": say.strong("NobodysLogin")}),
        (400, {"name": ["lab"], "domain": domain, "password": say.strong("LoginOfAList")}),
        (400, {"name": "lab", "domain": domain, "password": [say.strong("LoginInAList")]}),
        (400, {"name": "lab", "domain": domain, "password": say.strong("LongLogin") * 200}),
        (413, {"name": "lab", "domain": domain, "password": say.strong("LongestLogin") * 999}),
    ):
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = life.ask("POST", TOKENS, {"auth": {"identity": identity}}, token="")
        assert answer.status == code, answer.text
    by_token = {"methods": ["token"], "token": {"id": say.weak("NoToken")}}
    assert life.ask("POST", TOKENS, {"auth": {"identity": by_token}}).status == 404
    for method in ("GET", "DELETE"):
        subject = {"X-Subject-Token": say.weak("Subject")}
        assert life.ask(method, TOKENS, headers=subject).status == 404


def keep_accounts(life: Life) -> None:
    """Users' passwords and application credentials: made, changed, used, and refused."""
    say, users = life.canaries, "/identity/v3/users"
    made = life.ask(
        "POST",
        users,
        {"user": {"name": "ann", "password": say.strong("FirstLogin")}},
        token=life.admin_token,
    )
    ann = f"{users}/{made.body['user']['id']}"
    for code, user in (
        (200, {"password": say.strong("SecondLogin")}),
        (400, {"password": [say.strong("LoginList")]}),
        (400, {"password": say.strong("LongestLogin") * 999}),
        (403, {"name": "bea", "password": say.strong("NotAllowed")}),
    ):
        token = life.real.api.token if code == 403 else life.admin_token
        assert life.ask("PATCH", ann, {"user": user}, token=token).status == code
    for code, before in ((401, say.strong("WrongBefore")), (204, say.strong("SecondLogin"))):
        change = {"user": {"original_password": before, "password": say.strong("ThirdLogin")}}
        answer = life.ask("POST", f"{ann}/password", change, token=life.admin_token)
        assert answer.status == code, answer.text
    own = life.ask("GET", TOKENS, headers={"X-Subject-Token": life.real.api.token})
    assert own.status == 200
    life.answers.pop()  # it gives the token back, in its header
    path = f"{users}/{own.body['token']['user']['id']}/application_credentials"
    for code, credential in (
        (201, {"name": "robot", "secret": say.strong("Robot")}),
        (409, {"name": "robot", "secret": say.strong("RobotTwice")}),
        (400, {"name": "", "secret": say.strong("RobotNameless")}),
        (400, {"name": "x", "secret": [say.strong("RobotList")]}),
    ):
        answer = life.ask("POST", path, {"application_credential": credential})
        assert answer.status == code, answer.text
        if code == 201:
            what, text = life.answers.pop()  # this once it is told
            shown = json.dumps(say.strong("Robot"), ensure_ascii=False)
            assert text.count(shown) == 1, text
            life.answers.append((what, text.replace(shown, "")))
            robot = answer.body["application_credential"]["id"]
    life.ask("GET", f"{path}/{robot}")
    for code, secret in ((401, say.strong("WrongRobot")), (201, say.strong("Robot"))):
        proof = {"id": robot, "secret": secret}
        identity = {"methods": ["application_credential"], "application_credential": proof}
        answer = life.ask("POST", TOKENS, {"auth": {"identity": identity}}, token="")
        assert answer.status == code, answer.text
    life.canaries.watch(ROBOTS_TOKEN, answer.headers["X-Subject-Token"])
    life.answers.pop()
    life.ask("GET", users, token=life.admin_token)
