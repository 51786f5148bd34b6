# SPDX-License-Identifier: Apache-2.0
"""Enforces the table of who may call which route (`access.py`), before any handler runs.

A route without a row stops the application from being built, so none is open by oversight.
"""

from __future__ import annotations

from flask import Flask, g, request
from werkzeug.routing import Map

from agent.api.access import ADMIN_ACTIONS, POLICY, Access
from agent.api.context import caller, cloud
from agent.errors import Forbidden
from agent.model.identity import Bearer, Caller

NO_ADMIN = "Policy doesn't allow {what}: it needs the role admin."
NO_MEMBER = "Policy doesn't allow {what}: the role reader may look and change nothing."
NO_PROJECT = (
    "This token is for no project. Ask for one that is: name a project in the scope of the login."
)


def install(app: Flask) -> None:
    """Let every request of an application be asked, before its handler."""
    app.before_request(enforce)


def check_complete(url_map: Map) -> None:
    """Raise `RuntimeError` unless each route has a row and each row a route."""
    routes = {
        (method, rule.rule)
        for rule in url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    wrong = routes ^ POLICY.keys()
    if wrong:
        raise RuntimeError(f"In the policy or in the URL map, but not in both: {sorted(wrong)}")


def enforce() -> None:
    """Recognise who asks and hold it against the table: `Unauthorized`, `Forbidden`.

    Headers that a trusted proxy might set (X-Roles, X-User-Id, X-Identity-Status, …) are never
    read: anyone can send them.
    """
    if request.url_rule is None or request.method == "OPTIONS":
        return  # no handler of ours will run
    method = "GET" if request.method == "HEAD" else request.method
    needed = POLICY[method, request.url_rule.rule]
    if needed is Access.ANYONE:
        return
    g.bearer = cloud().identity.recognise(request.headers.get("X-Auth-Token"))
    check(g.bearer, needed)
    if g.bearer.project is not None:
        g.caller = Caller(g.bearer.user, g.bearer.project, g.bearer.roles, g.bearer.token)


def check(bearer: Bearer, needed: Access, what: str = "this") -> None:
    """Raise `Forbidden` when a token is not enough for something."""
    if needed >= Access.READER and bearer.project is None:
        raise Forbidden(NO_PROJECT)
    if needed is Access.ADMIN and not bearer.is_admin:
        raise Forbidden(NO_ADMIN.format(what=what))
    if needed is Access.MEMBER and bearer.is_reader_only:
        raise Forbidden(NO_MEMBER.format(what=what))


def check_action(name: str) -> None:
    """Raise `Forbidden` when an action of a server is not for this caller."""
    if name in ADMIN_ACTIONS:
        check(caller(), Access.ADMIN, name)
